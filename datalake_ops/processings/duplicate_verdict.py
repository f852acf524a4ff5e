"""Verdict on the tags of near duplicates: a tag of an earlier run goes when every twin is gone or was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from datalake_ops.processings.contract import Task
from datalake_ops.processings.tag_record import TagRecord
from datalake_ops.processings.tag_update import TagVerdict

NEAR_DUPLICATE = "near-duplicate"
GROUP = "duplicate-"
Groups = Mapping[str, set[UUID]]


@dataclass(frozen=True)
class DuplicateVerdict:
    """Verdict on the tags, the groups that it came from, and members of earlier groups that are not in the lake."""

    tags: TagVerdict
    groups: Groups
    gone: frozenset[UUID] = frozenset()

    def write(self, record: TagRecord) -> None:
        """Write the members of the groups into a record, and drop those of which nothing is left to decide."""
        for tag, members in self.groups.items():
            record.groups[tag] = record.groups.get(tag, set()) | members
        for tag in list(record.groups):
            left = record.groups[tag] - self.gone - (self.tags.undeserved.get(tag, set()) - record.put[tag])
            if len(left) > 1 or record.put[tag]:
                record.groups[tag] = left
            else:
                del record.groups[tag]


def judge(task: Task, groups: Groups, compared: set[UUID], record: TagRecord, prefix: str) -> DuplicateVerdict:
    """Judge the tags of the compared data by the groups of this run and those that the record has of earlier ones."""
    common = prefix + NEAR_DUPLICATE
    deserved = {common: set().union(*groups.values()), **groups}
    earlier = _earlier_groups(record, compared, prefix + GROUP)
    unseen = set().union(*earlier.values()) - compared
    there = {data.id for data in task.hook.iter_data(ids=sorted(unseen))}
    undeserved: dict[str, set[UUID]] = {}
    undecided: set[UUID] = set()
    for tag, members in earlier.items():
        rest = (members & compared) - deserved.get(tag, set())
        if members & there:
            undecided |= rest
        undeserved[tag] = set() if members & there else rest
    undeserved[common] = compared - deserved[common] - undecided
    return DuplicateVerdict(TagVerdict(deserved, undeserved), groups, frozenset(unseen - there))


def _earlier_groups(record: TagRecord, compared: set[UUID], beginning: str) -> dict[str, set[UUID]]:
    tags = {tag for tag in (*record.groups, *record.put) if tag.startswith(beginning)}
    members = {tag: record.groups.get(tag, set()) | record.put.get(tag, set()) for tag in tags}
    return {tag: ids for tag, ids in members.items() if ids & compared}
