"""Processing `near-duplicates`: finds groups of images that look nearly the same, and tags each group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from datalake_ops.pictures.inspection import UnreadablePictureError
from datalake_ops.processings.contract import Task, log, read_parameters, run
from datalake_ops.processings.duplicate_verdict import GROUP, judge
from datalake_ops.processings.image_run import ImageRun, process_images
from datalake_ops.processings.pictures import open_picture
from datalake_ops.processings.similarity import (
    SimilarityParameters,
    group_hashes,
    perceptual_hash,
    widest_distance,
)
from datalake_ops.processings.tag_record import read_record
from datalake_ops.processings.tag_update import update_tags
from datalake_ops.wire.data import Data

_SIDE = 128  # pixels that are enough to tell pictures apart
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def main(task: Task) -> int:
    """Hash every image, group the hashes, tag the groups."""
    parameters = read_parameters(SimilarityParameters, task.parameters)
    hashes: list[tuple[Data, int]] = []
    compared: set[UUID] = set()

    def take(data: Data, result: int | str | None) -> None:
        if isinstance(result, str):
            log(f"{data.filename}: {result}")
            return
        compared.add(data.id)
        if result is None:
            log(f"{data.filename}: too plain to compare")
        else:
            hashes.append((data, result))

    process_images(task, _hash, take)
    groups = group_data(hashes, parameters)
    record = read_record(task)
    members = {tag: {data.id for data in found} for tag, found in groups.items()}
    verdict = judge(task, members, compared, record, parameters.tag_prefix)
    update_tags(task, verdict.tags, record, keep_old=parameters.keep_old, on_record=verdict.write)
    log(
        f"checked {len(compared)} of {len(task.data)} data: {len(groups)} groups of near duplicates, "
        f"{sum(map(len, groups.values()))} images in them"
    )
    return 0 if compared else 1


def group_data(hashes: Iterable[tuple[Data, int]], parameters: SimilarityParameters) -> dict[str, list[Data]]:
    """Groups of data by their tags; the oldest of a group represents it.

    So neither the order of the data nor younger ones change the groups of those that were there before.
    """
    by_age = sorted(hashes, key=lambda one: _age(one[0]))
    groups: dict[str, list[Data]] = {}
    widest = 0
    for positions in group_hashes([value for _, value in by_age], parameters.max_distance, in_order=True):
        members = [by_age[position][0] for position in positions]
        width = widest_distance([by_age[position][1] for position in positions])
        tag = group_tag(members, parameters.tag_prefix)
        log(f"{tag}: {', '.join(data.filename for data in members)} (up to {width} bits apart)")
        groups.setdefault(tag, []).extend(members)
        widest = max(widest, width)
    if groups:
        log(f"widest distance inside a group: {widest} of 64 bits, {parameters.max_distance} at most from its oldest")
    return groups


def group_tag(members: Sequence[Data], prefix: str = "") -> str:
    """Tag of a group, derived from its oldest member, so that the same group has the same tag in every run."""
    oldest = min(members, key=_age)
    return f"{prefix}{GROUP}{hashlib.sha256(oldest.id.bytes).hexdigest()[:8]}"


def _age(data: Data) -> tuple[datetime, str]:
    return data.created_at or _EARLIEST, str(data.id)


async def _hash(images: ImageRun, data: Data) -> int | str | None:
    fetched = await images.fetch(data)
    if fetched.path is None:
        return fetched.problem
    try:
        return await images.compute(_hash_file, fetched.path)
    except UnreadablePictureError as error:
        return str(error)


def _hash_file(path: Path) -> int | None:
    return perceptual_hash(open_picture(path, _SIDE))


if __name__ == "__main__":
    raise SystemExit(run("near-duplicates", main))
