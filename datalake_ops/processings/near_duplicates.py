"""Processing `near-duplicates`: finds groups of images that look nearly the same, and tags each group."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from datalake_ops.processings.contract import FetchedImage, Task, fetch_images, log, read_parameters, run
from datalake_ops.processings.pictures import UnreadablePictureError, open_picture
from datalake_ops.processings.similarity import SimilarityParameters, group_hashes, perceptual_hash
from datalake_ops.wire.data import Data

NEAR_DUPLICATE = "near-duplicate"
_SIDE = 128  # pixels that are enough to tell pictures apart
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def main(task: Task) -> int:
    """Hash every image, group the hashes, tag the groups."""
    parameters = read_parameters(SimilarityParameters, task.parameters)
    hashed: list[tuple[Data, int]] = []
    compared = 0
    with ThreadPoolExecutor() as threads:
        for batch in fetch_images(task):
            for item, result in zip(batch, threads.map(_hash, batch), strict=True):
                if isinstance(result, str):
                    log(f"{item.data.filename}: {result}")
                    continue
                compared += 1
                if result is None:
                    log(f"{item.data.filename}: too plain to compare")
                else:
                    hashed.append((item.data, result))
    together = group_hashes([value for _, value in hashed], parameters.max_distance)
    for positions in together:
        _tag(task, [hashed[position][0] for position in positions], parameters)
    _tag_all(task, [hashed[position][0] for positions in together for position in positions], parameters)
    log(
        f"checked {compared} of {len(task.data)} data: {len(together)} groups of near duplicates, "
        f"{sum(map(len, together))} images in them"
    )
    return 0 if compared else 1


def group_tag(members: Sequence[Data], prefix: str = "") -> str:
    """Tag of a group, derived from its oldest member, so that the same group has the same tag in every run."""
    oldest = min(members, key=lambda data: (data.created_at or _EARLIEST, str(data.id)))
    return f"{prefix}duplicate-{hashlib.sha256(oldest.id.bytes).hexdigest()[:8]}"


def _hash(item: FetchedImage) -> int | str | None:
    if item.path is None:
        return item.problem
    try:
        return perceptual_hash(open_picture(item.path, _SIDE))
    except UnreadablePictureError as error:
        return str(error)


def _tag(task: Task, members: Sequence[Data], parameters: SimilarityParameters) -> None:
    tag = group_tag(members, parameters.tag_prefix)
    task.hook.add_tags(members, tag)
    log(f"{tag}: {', '.join(data.filename for data in members)}")


def _tag_all(task: Task, members: Sequence[Data], parameters: SimilarityParameters) -> None:
    if members:
        task.hook.add_tags(members, f"{parameters.tag_prefix}{NEAR_DUPLICATE}")


if __name__ == "__main__":
    raise SystemExit(run(main))
