"""Update of the tags of a run's data: deserved ones are put on; those that an earlier run put without reason go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from datalake_ops.errors import NotFoundError
from datalake_ops.processings.contract import Task, log
from datalake_ops.processings.tag_record import TagRecord, change_record

IdsByTag = Mapping[str, set[UUID]]
_NONE: set[UUID] = set()


@dataclass(frozen=True)
class TagVerdict:
    """Verdict of a run: by tag the data that deserve it, and those of which the run can tell that they do not.

    Of all other data nothing is known.
    """

    deserved: IdsByTag
    undeserved: IdsByTag

    @property
    def tags(self) -> set[str]:
        """All tags that the run judges by."""
        return {*self.deserved, *self.undeserved}


@dataclass(frozen=True)
class TagChanges:
    """Tags to put on and to take off, by name; `staying` counts those of earlier runs that stay without being deserved.

    `carried` are the run's data that carry a tag before.
    """

    carried: IdsByTag
    put: IdsByTag = field(default_factory=dict)
    taken: IdsByTag = field(default_factory=dict)
    staying: int = 0

    def write(self, record: TagRecord, data: set[UUID]) -> None:
        """Write the changes of a run's data into a record."""
        for tag, ids in self.put.items():
            record.put[tag] |= ids - self.carried.get(tag, _NONE)
        for tag, ids in self.carried.items():
            # Somebody took these off; whoever puts them on again is no run.
            dropped = (record.put[tag] & data) - ids - self.put.get(tag, _NONE)
            record.put[tag] -= dropped | self.taken.get(tag, _NONE)


def decide(verdict: TagVerdict, carried: IdsByTag, record: TagRecord, keep_old: bool) -> TagChanges:
    """Decide on the changes; a tag goes only where the record says that a run put it."""
    own = {tag: record.put.get(tag, _NONE) & ids for tag, ids in carried.items()}
    taken = {} if keep_old else {tag: own.get(tag, _NONE) & ids for tag, ids in verdict.undeserved.items()}
    unfounded = sum(len(ids - verdict.deserved.get(tag, _NONE)) for tag, ids in own.items())
    return TagChanges(
        carried,
        {tag: ids for tag, ids in verdict.deserved.items() if ids},
        {tag: ids for tag, ids in taken.items() if ids},
        unfounded - sum(map(len, taken.values())),
    )


def update_tags(
    task: Task,
    verdict: TagVerdict,
    record: TagRecord,
    *,
    keep_old: bool,
    on_record: Callable[[TagRecord], None] = lambda record: None,
) -> None:
    """Put tags on and take tags off, a request per tag and 10,000 data, and write what was done into the record.

    `on_record` may change the record too, as it is by then.
    """
    data = {one.id for one in task.data}
    changes = decide(verdict, _carried(task, verdict.tags), record, keep_old)
    for tag, ids in sorted(changes.put.items()):
        task.hook.add_tags(sorted(ids), tag)
    for tag, ids in sorted(changes.taken.items()):
        _take_off(task, tag, ids)
    if changes.staying:
        reason = "keep_old" if keep_old else "the run cannot tell that they are not deserved"
        log(f"{changes.staying} tags of earlier runs stay: {reason}")

    def change(recorded: TagRecord) -> None:
        changes.write(recorded, data)
        on_record(recorded)

    change_record(task, change)


def _take_off(task: Task, tag: str, ids: set[UUID]) -> None:
    try:
        task.hook.remove_tags(sorted(ids), tag)
    except NotFoundError:
        # Somebody deleted the tag meanwhile, from all data.
        return
    log(f"{tag}: taken off {len(ids)} data that deserve it no more")


def _carried(task: Task, tags: Iterable[str]) -> dict[str, set[UUID]]:
    """Data of the run by the tags that they carry."""
    carried: dict[str, set[UUID]] = {tag: set() for tag in tags}
    if any(one.tags is None for one in task.data):
        # Only the embedded platform tells the tags in a listing.
        data = {one.id for one in task.data}
        return {tag: {one.id for one in task.hook.iter_data(tags=[tag])} & data for tag in carried}
    for one in task.data:
        for tag in one.tags or ():
            if tag.name in carried:
                carried[tag.name].add(one.id)
    return carried
