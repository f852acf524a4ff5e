"""Processing `thumbnails`: makes a small copy of each image and stores it as a projection named `thumbnail`."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from datalake_ops.client.data import list_projections
from datalake_ops.errors import DatalakeError
from datalake_ops.pictures.decoding.opening import opener
from datalake_ops.pictures.display import small_copy
from datalake_ops.pictures.inspection import UnreadablePictureError
from datalake_ops.processings.contract import BadParametersError, Task, log, read_parameters, run
from datalake_ops.processings.image_run import ImageRun, process_images, unusable_reason
from datalake_ops.upload.projection import ProjectionRequest, send_projection
from datalake_ops.wire.data import Data, UploadStatus

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

    def count(data: Data, result: tuple[str, str]) -> None:
        outcome, words = result
        counts[outcome] += 1
        log(f"{data.filename}: {words}")

    process_images(task, partial(_make, parameters), count)
    log(f"{len(task.data)} data: " + ", ".join(f"{counts[outcome]} {outcome}" for outcome in (MADE, EXISTING, FAILED)))
    return 0 if counts[MADE] or counts[EXISTING] else 1


async def _make(parameters: ThumbnailParameters, images: ImageRun, data: Data) -> tuple[str, str]:
    if problem := unusable_reason(data):
        return FAILED, problem
    try:
        if await _has_one(images, data):
            return EXISTING, "already has a thumbnail"
        fetched = await images.fetch(data)
        if fetched.path is None:
            return FAILED, fetched.problem
        path, size = await images.compute(partial(_save_small, parameters), fetched.path)
        try:
            await send_projection(images.session, ProjectionRequest(data.id, PROJECTION, str(path)), images.lake)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
    except (UnreadablePictureError, DatalakeError) as error:
        return FAILED, str(error)
    return MADE, f"{size[0]} x {size[1]}"


async def _has_one(images: ImageRun, data: Data) -> bool:
    known = await images.session.send(list_projections(data.id))
    return any(one.name == PROJECTION and one.compute_status is not UploadStatus.ERROR for one in known)


def _save_small(parameters: ThumbnailParameters, source: Path) -> tuple[Path, tuple[int, int]]:
    small = small_copy(opener(source), parameters.max_side)
    path = source.with_name(f"{source.stem}-{PROJECTION}.jpg")
    small.save(path, "JPEG", quality=parameters.quality, optimize=True)
    return path, small.size


if __name__ == "__main__":
    raise SystemExit(run("thumbnails", main))
