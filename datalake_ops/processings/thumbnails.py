"""Processing `thumbnails`: makes a small copy of each image and keeps it as a projection named `thumbnail`."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from datalake_ops.errors import DatalakeError
from datalake_ops.processings.contract import BadParametersError, Fetched, Task, fetched, read_parameters, run, say
from datalake_ops.processings.pictures import UnreadablePictureError, open_picture
from datalake_ops.wire.data import UploadStatus

PROJECTION = "thumbnail"
MADE, THERE, FAILED = "made", "there already", "failed"


@dataclass(frozen=True)
class ThumbnailParameters:
    """How large a thumbnail is at most, in pixels of its longer side, and how good (JPEG quality, 1 to 95).

    Raises:
        BadParametersError: a value is out of its range.
    """

    max_side: int = 256
    quality: int = 85

    def __post_init__(self) -> None:
        if not 8 <= self.max_side <= 4096:
            raise BadParametersError(f"max_side lies between 8 and 4096 pixels, not at {self.max_side}.")
        if not 1 <= self.quality <= 95:
            raise BadParametersError(f"quality lies between 1 and 95, not at {self.quality}.")


def main(task: Task) -> int:
    """Make the thumbnails that are missing."""
    parameters = read_parameters(ThumbnailParameters, task.parameters)
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor() as threads:
        for batch in fetched(task):
            for item, (outcome, words) in zip(batch, threads.map(partial(_make, task, parameters), batch), strict=True):
                counts[outcome] += 1
                say(f"{item.data.filename}: {words}")
    say(f"{len(task.data)} data: " + ", ".join(f"{counts[outcome]} {outcome}" for outcome in (MADE, THERE, FAILED)))
    return 0 if counts[MADE] or counts[THERE] else 1


def shrunk(image: Image.Image, max_side: int) -> Image.Image:
    """A copy whose longer side is at most `max_side` pixels; a small image is not made larger."""
    copy = image.copy()
    copy.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return copy


def _make(task: Task, parameters: ThumbnailParameters, item: Fetched) -> tuple[str, str]:
    if item.path is None:
        return FAILED, item.problem
    try:
        if _has_one(task, item):
            return THERE, "has a thumbnail already"
        small = shrunk(open_picture(item.path, parameters.max_side), parameters.max_side)
        path = _saved(small, item.path, parameters.quality)
        task.hook.create_projection(item.data, PROJECTION, str(path))
    except (UnreadablePictureError, DatalakeError) as error:
        return FAILED, str(error)
    return MADE, f"{small.width} x {small.height}"


def _has_one(task: Task, item: Fetched) -> bool:
    known = task.hook.list_projections(item.data)
    return any(one.name == PROJECTION and one.compute_status is not UploadStatus.ERROR for one in known)


def _saved(small: Image.Image, source: Path, quality: int) -> Path:
    path = source.with_name(f"{source.stem}-{PROJECTION}.jpg")
    small.save(path, "JPEG", quality=quality, optimize=True)
    return path


if __name__ == "__main__":
    raise SystemExit(run(main))
