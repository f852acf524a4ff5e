"""Record of the tags that the runs of a processing put: the platform does not know who put a tag."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.concurrency import loop_thread
from datalake_ops.errors import DatalakeError
from datalake_ops.processings.contract import Task, log
from datalake_ops.processings.stored_objects import read_object, write_object
from datalake_ops.wire.processings import tag_record_name

T = TypeVar("T")
_VERSION = 1
_ID_BYTES = 16


class TagRecord:
    """Data that carry a tag since a run put it there (`put`), and the members of groups that tags name (`groups`)."""

    def __init__(
        self, put: Mapping[str, Iterable[UUID]] | None = None, groups: Mapping[str, Iterable[UUID]] | None = None
    ) -> None:
        self.put: defaultdict[str, set[UUID]] = defaultdict(set, {tag: set(ids) for tag, ids in (put or {}).items()})
        self.groups: dict[str, set[UUID]] = {tag: set(ids) for tag, ids in (groups or {}).items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TagRecord) and self._content() == other._content()

    __hash__ = None  # type: ignore[assignment]

    def to_bytes(self) -> bytes:
        """The record as a file: JSON, deflated; identifiers in hexadecimal digits, one behind the other."""
        return zlib.compress(json.dumps({"version": _VERSION, **self._content()}).encode())

    @classmethod
    def from_bytes(cls, content: bytes) -> TagRecord:
        """Read a file.

        Raises:
            ValueError: it is none of this version.
        """
        try:
            found = json.loads(zlib.decompress(content))
            if found["version"] != _VERSION:
                raise ValueError(f"its version is {found['version']}")
            return cls(_ids_by_tag(found["put"]), _ids_by_tag(found["groups"]))
        except (zlib.error, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it cannot be read: {error}") from error

    def _content(self) -> dict[str, dict[str, str]]:
        return {"put": _text_by_tag(self.put), "groups": _text_by_tag(self.groups)}


def read_record(task: Task) -> TagRecord:
    """Record of the task's processing; empty, and a line in the log, where it cannot be read."""
    try:
        return loop_thread.run(lambda: _with_session(task, _read)) or TagRecord()
    except (DatalakeError, ValueError) as error:
        log(f"the record of the tags that earlier runs put cannot be read, so none of them is taken off: {error}")
        return TagRecord()


def change_record(task: Task, change: Callable[[TagRecord], None]) -> None:
    """Change the record as it is by now, since another run may have changed it; a failure is a line in the log."""

    async def read_and_write(session: AsyncSession, task: Task) -> None:
        try:
            before = await _read(session, task)
        except ValueError:
            # What cannot be read is no use to any run.
            before = None
        after = TagRecord(before.put, before.groups) if before else TagRecord()
        change(after)
        if after != (before or TagRecord()):
            await write_object(session, task.lake, _object_name(task), after.to_bytes())

    try:
        loop_thread.run(lambda: _with_session(task, read_and_write))
    except DatalakeError as error:
        log(f"the tags of this run cannot be recorded, so no later run takes them off: {error}")


async def _with_session(task: Task, work: Callable[[AsyncSession, Task], Awaitable[T]]) -> T:
    async with AsyncSession(task.connection, task.lake.organization.id) as session:
        return await work(session, task)


async def _read(session: AsyncSession, task: Task) -> TagRecord | None:
    content = await read_object(session, task.lake, _object_name(task))
    return None if content is None else TagRecord.from_bytes(content)


def _object_name(task: Task) -> str:
    return tag_record_name(task.lake.datalake.id, task.processing)


def _text_by_tag(ids_by_tag: Mapping[str, Iterable[UUID]]) -> dict[str, str]:
    return {tag: "".join(sorted(one.hex for one in ids)) for tag, ids in sorted(ids_by_tag.items()) if ids}


def _ids_by_tag(text_by_tag: Mapping[str, Any]) -> dict[str, set[UUID]]:
    return {tag: _ids(bytes.fromhex(text)) for tag, text in text_by_tag.items()}


def _ids(content: bytes) -> set[UUID]:
    return {UUID(bytes=content[start : start + _ID_BYTES]) for start in range(0, len(content), _ID_BYTES)}
