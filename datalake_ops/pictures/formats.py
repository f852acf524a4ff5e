"""Decoders of pictures: those of Pillow that are tried, and the plugins of the extras `heic` and `jxl`."""

from __future__ import annotations

import logging
import os
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

_ONE_THREAD = {
    "AVIF": ("PIL.AvifImagePlugin", "DEFAULT_MAX_THREADS", 1),
    "HEIF": ("pillow_heif.options", "DECODE_THREADS", 1),
    "JXL": ("pillow_jxl.JpegXLImagePlugin", "DECODE_THREADS", 0),
}


@cache
def readable_types() -> frozenset[str]:
    """Content types of the pictures that can be read here; loads no decoder, so that a server may ask at its start."""
    return frozenset().union(*_installed().values())


@cache
def decoders(content_type: str) -> tuple[str, ...]:
    """Names of the decoders of a type, for `PIL.Image.open`; the first call for a type loads its plugin."""
    names = tuple(name for name, types in _installed().items() if content_type in types and _is_loaded(name))
    if os.environ.get("OMP_NUM_THREADS") == "1":
        # Many pictures are read at once then, and the processor time of each is limited.
        for module, option, value in (_ONE_THREAD[name] for name in names if name in _ONE_THREAD):
            setattr(import_module(module), option, value)
    return names


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


def _is_loaded(name: str) -> bool:
    if name not in _PLUGINS:
        return True
    try:
        plugin = import_module(_PLUGINS[name][1])
    except ImportError as error:
        logger.warning("The plugin for %s pictures cannot be loaded: %s", name, error)
        return False
    if name == "HEIF":
        # Thumbnails and depth maps are no pictures of their own here.
        plugin.register_heif_opener(thumbnails=False)
    return True
