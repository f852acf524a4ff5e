"""Files that uploads are tested with, made here so that each test knows every byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image


def a_picture(path: Path, size: tuple[int, int] = (40, 30), exif: dict[int, Any] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, (hash(path.name) % 256, 120, 60))
    tags = Image.Exif()
    for tag, value in (exif or {}).items():
        tags[tag] = value
    image.save(path, exif=tags) if exif else image.save(path)
    return path


def a_truncated_jpeg(path: Path) -> Path:
    a_picture(path, (400, 300))
    path.write_bytes(path.read_bytes()[:700])
    return path


def a_text_named_jpg(path: Path) -> Path:
    path.write_text("This is no picture, whatever its name says.")
    return path


def a_large_tiff(path: Path, megabytes: int = 60) -> Path:
    """An uncompressed picture of about `megabytes` MiB whose rows all differ."""
    width = 4096
    rows = megabytes * 1024 * 1024 // (width * 3)
    ramp = bytes(range(256)) * (width * 3 // 256 + 1)
    pixels = b"".join(ramp[row % 256 : row % 256 + width * 3] for row in range(rows))
    Image.frombytes("RGB", (width, rows), pixels).save(path)
    return path
