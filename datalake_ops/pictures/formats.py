"""Decoders of pictures: those of Pillow that are tried, and the plugins of the extras `heic` and `jxl`."""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from datalake_ops.wire.media_types import (
    AVIF,
    BMP,
    CAMERA_RAW,
    EXTRAS,
    GIF,
    HEIC,
    HEIF,
    JPEG,
    JPEG_2000,
    JXL,
    PNG,
    TIFF,
    WEBP,
)

logger = logging.getLogger(__name__)
# Pillow knows many more, and rarely used decoders are where hostile files strike.
_ALWAYS = {
    "JPEG": frozenset({JPEG}),
    "PNG": frozenset({PNG}),
    "WEBP": frozenset({WEBP}),
    "TIFF": frozenset({TIFF}),
    "BMP": frozenset({BMP}),
    "GIF": frozenset({GIF}),
}
# Decoders that a build of Pillow may lack, and the module that has them.
_BUILT_IN = {"AVIF": (frozenset({AVIF}), "PIL._avif"), "JPEG2000": (JPEG_2000, "PIL.Jpeg2KImagePlugin")}
_PLUGINS = {"HEIF": (frozenset({HEIC, HEIF}), "pillow_heif"), "JXL": (frozenset({JXL}), "pillow_jxl")}


@cache
def readable_types() -> frozenset[str]:
    """Content types of the pictures that can be read here; loads no decoder, so that a server may ask at its start."""
    return frozenset().union(*_installed().values())


@cache
def decoders() -> tuple[str, ...]:
    """Names of the decoders to try, for `PIL.Image.open`; the first call loads the plugins."""
    return tuple(name for name in _installed() if name not in _PLUGINS or _is_registered(name))


def unsupported_reason(content_type: str) -> str:
    """Return the reason that a type is not read here, and what to install where that helps."""
    if content_type in CAMERA_RAW:
        return "it is a camera raw file, which has to be developed into a picture first"
    extra = EXTRAS.get(content_type)
    remedy = f"; pip install 'datalake-ops[{extra}]' adds that" if extra else ""
    return f"files of type {content_type} cannot be read here{remedy}"


@cache
def _installed() -> dict[str, frozenset[str]]:
    found = {**_BUILT_IN, **_PLUGINS}
    return _ALWAYS | {name: types for name, (types, module) in found.items() if find_spec(module) is not None}


def _is_registered(name: str) -> bool:
    try:
        plugin = import_module(_PLUGINS[name][1])
        if name == "HEIF":
            # Thumbnails and depth maps are no pictures of their own here.
            plugin.register_heif_opener(thumbnails=False)
            plugin.options.DECODE_THREADS = 1
        else:
            # One thread a file: many files are read at once, and a file's processor time is limited.
            vars(import_module("pillow_jxl.JpegXLImagePlugin"))["DECODE_THREADS"] = 0
    except ImportError as error:
        logger.warning("The plugin for %s pictures cannot be loaded: %s", name, error)
        return False
    return True
