"""Processing `thumbnails`: makes a small copy of each image and stores it as a projection named `thumbnail`."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from datalake_ops.errors import DatalakeError
from datalake_ops.processings.contract import (
    BadParametersError,
    FetchedImage,
    Task,
    fetch_images,
    log,
    read_parameters,
    run,
)
from datalake_ops.processings.pictures import UnreadablePictureError, open_picture
from datalake_ops.wire.data import UploadStatus

PROJECTION = "thumbnail"
MADE, EXISTING, FAILED = "made", "existing", "failed"


@dataclass(frozen=True)
class ThumbnailParameters:
    """Size of a thumbnail in pixels of its longer side, and its JPEG quality (1 to 95).

    Raises:
        BadParametersError: a value is out of its range.
    """

    max_side: int = 256
    quality: int = 85

    def __post_init__(self) -> None:
        if not 8 <= self.max_side <= 4096:
            raise BadParametersError(f"max_side must be between 8 and 4096 pixels, not {self.max_side}.")
        if not 1 <= self.quality <= 95:
            raise BadParametersError(f"quality must be between 1 and 95, not {self.quality}.")


def main(task: Task) -> int:
    """Make the missing thumbnails."""
    parameters = read_parameters(ThumbnailParameters, task.parameters)
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor() as threads:
        for batch in fetch_images(task):
            for item, (outcome, words) in zip(batch, threads.map(partial(_make, task, parameters), batch), strict=True):
                counts[outcome] += 1
                log(f"{item.data.filename}: {words}")
    log(f"{len(task.data)} data: " + ", ".join(f"{counts[outcome]} {outcome}" for outcome in (MADE, EXISTING, FAILED)))
    return 0 if counts[MADE] or counts[EXISTING] else 1


def shrink(image: Image.Image, max_side: int) -> Image.Image:
    """Copy whose longer side is at most `max_side` pixels; a smaller image keeps its size."""
    copy = image.copy()
    copy.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return copy


def _make(task: Task, parameters: ThumbnailParameters, item: FetchedImage) -> tuple[str, str]:
    if item.path is None:
        return FAILED, item.problem
    try:
        if _has_one(task, item):
            return EXISTING, "already has a thumbnail"
        small = shrink(open_picture(item.path, parameters.max_side), parameters.max_side)
        path = _save(small, item.path, parameters.quality)
        task.hook.create_projection(item.data, PROJECTION, str(path))
    except (UnreadablePictureError, DatalakeError) as error:
        return FAILED, str(error)
    return MADE, f"{small.width} x {small.height}"


def _has_one(task: Task, item: FetchedImage) -> bool:
    known = task.hook.list_projections(item.data)
    return any(one.name == PROJECTION and one.compute_status is not UploadStatus.ERROR for one in known)


def _save(small: Image.Image, source: Path, quality: int) -> Path:
    path = source.with_name(f"{source.stem}-{PROJECTION}.jpg")
    small.save(path, "JPEG", quality=quality, optimize=True)
    return path


if __name__ == "__main__":
    raise SystemExit(run(main))
