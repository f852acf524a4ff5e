"""The demo's images: real photographs, and altered copies that the processings should find fault with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import ExifTags, Image, ImageFilter

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.sources.media_type import content_type

SHIPPED = Path(__file__).parent / "photographs"
# Every third image goes to the bucket, the others to the folder that is uploaded.
_TO_BUCKET = 3
# So many of each kind of altered copy; a folder of thousands needs no more to show what is found.
_MOST_OF_A_KIND = 8
# Markers of the JPEG format: start of image, application data 1 (EXIF), comment.
_START, _APP1, _COMMENT = b"\xff\xd8", b"\xff\xe1", b"\xff\xfe"
_STARTED_AT = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


def _blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(image.size) / 60))


def _darkened(image: Image.Image) -> Image.Image:
    return image.point(lambda value: value * 0.1)


def _overexposed(image: Image.Image) -> Image.Image:
    return image.point(lambda value: min(255, 190 + value))


def _shrunk(image: Image.Image) -> Image.Image:
    return image.resize((120, max(1, round(120 * image.height / image.width))))


def _retouched(image: Image.Image) -> Image.Image:
    cut = image.crop((2, 2, image.width - 2, image.height - 2))
    return cut.point(lambda value: min(255, value * 1.03))


# What is done to a copy; each name becomes part of the file's name.
CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blurred": _blurred,
    "darkened": _darkened,
    "overexposed": _overexposed,
    "shrunk": _shrunk,
    "retouched": _retouched,
}


@dataclass(frozen=True)
class Hand:
    """The images dealt to one orchestrator: a folder to upload, and a prefix of the lake's bucket to import."""

    folder: Path
    in_folder: tuple[Path, ...]
    prefix: str
    in_bucket: tuple[Path, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return self.in_folder + self.in_bucket


def photographs(images: Path | None) -> list[Path]:
    """The files to begin with: the images of the user's own folder, as an upload finds them, or the shipped ones.

    Raises:
        ConfigurationError: the folder is missing or holds no image.
    """
    if images is None:
        return sorted(SHIPPED.glob("*.jpg"))
    if not images.is_dir():
        raise ConfigurationError(f"{images} is not a folder of images.")
    found = [path for path in _files_below(images) if not why_passed_over(path)]
    if not found:
        raise ConfigurationError(f"{images} holds no image.")
    return found


def passed_over(images: Path | None) -> list[Path]:
    """The files of the user's own folder that the demo does not take."""
    return [path for path in _files_below(images) if why_passed_over(path)] if images else []


def why_passed_over(path: Path) -> str:
    """Reason that the demo does not take a file; empty for one that it takes."""
    kind = content_type(path.name)
    if not os.access(path, os.R_OK):
        return "may not be read"
    if kind.startswith("video/"):
        return "is a video; the demo takes pictures"
    return "" if kind.startswith("image/") else "is no picture by its name"


def prepare(originals: Sequence[Path], folder: Path, invent_exif: bool) -> list[Path]:
    """Copy the photographs into a folder, with altered copies beside them; return all files, sorted.

    With `invent_exif` the copies get the EXIF of a camera that does not exist: the shipped photographs have none.
    """
    folder.mkdir(parents=True)
    named = [(f"{number:03}-{path.name}", path) for number, path in enumerate(originals, start=1)]
    for number, (name, path) in enumerate(named):
        if invent_exif:
            with_exif = _with_segment(path.read_bytes(), _APP1, _invented_exif(number).tobytes())
            (folder / name).write_bytes(with_exif)
        else:
            shutil.copyfile(path, folder / name)
    for number, (change, alter) in enumerate(CHANGES.items()):
        # Every photograph gets one altered copy, of the kinds in turn.
        for name, _ in named[number :: len(CHANGES)][:_MOST_OF_A_KIND]:
            _altered_copy(folder / name, change, alter)
    return sorted(folder.iterdir())


def deal(prepared: Sequence[Path], name: str, folder: Path, bucket: Path) -> Hand:
    """Lay the images out for one orchestrator, each with a comment that names it, so that no two hands share bytes."""
    folder.mkdir(parents=True)
    (bucket / name).mkdir(parents=True)
    dealt: tuple[list[Path], list[Path]] = ([], [])
    for number, path in enumerate(prepared):
        to_bucket = number % _TO_BUCKET == _TO_BUCKET - 1
        target = (bucket / name if to_bucket else folder) / path.name
        target.write_bytes(_with_segment(path.read_bytes(), _COMMENT, f"datalake-ops demo, for {name}".encode()))
        dealt[to_bucket].append(target)
    return Hand(folder, tuple(dealt[0]), f"{name}/", tuple(dealt[1]))


def _files_below(folder: Path) -> list[Path]:
    """All files at any depth but hidden ones, sorted."""
    below = ((path, path.relative_to(folder).parts) for path in folder.rglob("*"))
    return sorted(path for path, parts in below if not any(part.startswith(".") for part in parts) and path.is_file())


def _altered_copy(path: Path, change: str, alter: Callable[[Image.Image], Image.Image]) -> None:
    try:
        with Image.open(path) as image:
            alter(image.convert("RGB")).save(path.with_name(f"{path.stem}-{change}.jpg"), quality=80)
    # Decoders raise whatever a broken file makes of them. The platform will say so of the original.
    except Exception:  # noqa: BLE001
        return


def _with_segment(content: bytes, marker: bytes, payload: bytes) -> bytes:
    """The same JPEG, pixel for pixel, with one segment more after its start; any other format as it is."""
    if not content.startswith(_START):
        return content
    length = (len(payload) + 2).to_bytes(2, "big")
    return _START + marker + length + payload + content[len(_START) :]


def _invented_exif(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "datalake-ops demo"
    exif[ExifTags.Base.Model] = "Invented Camera 1"
    exif[ExifTags.Base.Artist] = "Invented Photographer"
    exif[ExifTags.Base.Software] = "EXIF invented by the datalake-ops demo"
    exif[ExifTags.Base.DateTime] = (_STARTED_AT + timedelta(minutes=7 * number)).strftime("%Y:%m:%d %H:%M:%S")
    return exif
