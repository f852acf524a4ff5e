"""Contents of a lake after a pipeline, read from the platform, and the problems found in them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datalake_ops.demo.not_taken import NotTaken, file_refused
from datalake_ops.demo.photographs import Hand
from datalake_ops.wire.data import UploadStatus

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.data import Data, MultiData
    from datalake_ops.wire.jobs import Job


# What is done to a copy, and the tag that a processing should find it by.
DESERVED = {
    "blurred": "blurred",
    "darkened": "dark",
    "overexposed": "overexposed",
    "shrunk": "low-resolution",
    "retouched": "near-duplicate",
}
# Beginning of the tags that name one group of near duplicates; which, differs from lake to lake.
_GROUP = "duplicate-"


@dataclass(frozen=True)
class Evidence:
    """One lake, counted: its data, what they carry, and the jobs that worked on them."""

    data: int
    bytes: int
    with_exif: int
    thumbnails: int
    tags: dict[str, int]
    duplicate_groups: int
    recognised: int
    jobs: tuple[tuple[str, str, Job], ...]
    problems: tuple[str, ...]
    not_taken: tuple[NotTaken, ...] = ()


def gather(hook: DatalakeHook, hand: Hand, jobs: Iterable[tuple[str, str, Job]], is_users: bool = False) -> Evidence:
    """Read a lake and compare it with what was sent; `jobs` are each the starter, the name and the job.

    Files that were not taken are a problem, unless they are the user's own.
    """
    found = hook.list_data(order_by=["filename"])
    started = tuple(jobs)
    not_taken, surplus = _compare(hook, found, hand)
    problems = [f"{surplus} data of the lake were never sent"] if surplus else []
    if not is_users:
        problems += [f"{one.name} was not taken: {one.reason}" for one in not_taken]
    tags = _tag_counts(hook)
    return Evidence(
        data=hook.count_data(),
        bytes=sum(data.file_size or 0 for data in found),
        with_exif=sum(bool((data.metadata or {}).get("acquired_at")) for data in found),
        thumbnails=sum(len(hook.list_projections(data)) for data in found),
        tags={name: count for name, count in tags.items() if not name.startswith(_GROUP)},
        duplicate_groups=sum(name.startswith(_GROUP) for name in tags),
        recognised=sum(_is_recognised(data) for data in found),
        jobs=started,
        problems=(*problems, *_unsuccessful(started)),
        not_taken=tuple(not_taken),
    )


def _is_recognised(data: Data) -> bool:
    """Return True if an altered copy carries the tag of its alteration."""
    deserved = DESERVED.get(Path(data.filename).stem.rpartition("-")[2])
    return deserved in {tag.name for tag in data.tags or ()}


def _tag_counts(hook: DatalakeHook) -> dict[str, int]:
    counted = ((tag.name, hook.count_data(tags=[tag])) for tag in hook.list_data_tags())
    return {name: count for name, count in sorted(counted) if count}


def _compare(hook: DatalakeHook, found: MultiData, hand: Hand) -> tuple[list[NotTaken], int]:
    """Compare the lake's contents with the files sent, byte for byte.

    Returns the files sent that are not there as usable data, and the number of data that were never sent.
    """
    held: dict[str, list[Data]] = {}
    with tempfile.TemporaryDirectory(prefix="datalake-demo-") as folder:
        paths = hook.download(found, folder, use_id=True)
        for one, path in zip(found, paths, strict=True):
            held.setdefault(_digest(path), []).append(one)
    not_taken = []
    for sent in hand.files:
        # Two of the user's files may be the same picture.
        same = held.get(_digest(sent))
        data = same.pop() if same else None
        if data is None or data.upload_status != UploadStatus.DONE:
            not_taken.append(file_refused(sent, None if data is None else data.error_reason))
    return not_taken, sum(map(len, held.values()))


def _unsuccessful(jobs: Iterable[tuple[str, str, Job]]) -> list[str]:
    return [f"the job {name} ({job.id}) is {job.status}" for _, name, job in jobs if not job.status.succeeded]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
