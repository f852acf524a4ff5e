"""Progress of an import: read when it resumes, written in the transactions that register data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select, update

from datalake_ops.platform.jobs import job_table
from datalake_ops.platform.store import schema
from datalake_ops.wire.jobs import JobStatus


class NoLongerRunningError(RuntimeError):
    """The import was killed meanwhile; the transaction is rolled back."""


@dataclass(frozen=True)
class ImportProgress:
    """Last name listed, completeness of the listing, span of registered data, and the last of them probed."""

    name: str = ""
    listed_all: bool = False
    first_seq: int | None = None
    last_seq: int | None = None
    measured_seq: int = 0


def read_progress(connection: Connection, job: UUID) -> ImportProgress:
    """Read the progress of an import; the initial one before its first batch."""
    cursor = schema.import_cursor
    row = connection.execute(select(cursor).where(cursor.c.job_id == job)).first()
    if row is None:
        return ImportProgress()
    return ImportProgress(row.name, row.listed_all, row.first_seq, row.last_seq, row.measured_seq)


def record_listed(connection: Connection, job: UUID, name: str, seqs: Sequence[int]) -> None:
    """Record that all names up to `name` are listed, and that data of these keys were registered."""
    before = read_progress(connection, job)
    cursor = schema.import_cursor
    values = {
        "name": name or before.name,
        "first_seq": before.first_seq if before.first_seq is not None else (seqs[0] if seqs else None),
        "last_seq": seqs[-1] if seqs else before.last_seq,
    }
    changed = connection.execute(update(cursor).where(cursor.c.job_id == job).values(**values)).rowcount
    if not changed:
        connection.execute(insert(cursor).values(job_id=job, **values))


def record_listing_complete(connection: Connection, job: UUID) -> None:
    """Record that the listing is complete."""
    record_listed(connection, job, "", [])
    cursor = schema.import_cursor
    connection.execute(update(cursor).where(cursor.c.job_id == job).values(listed_all=True))


def record_probed(connection: Connection, job: UUID, seqs: Sequence[int]) -> None:
    """Record that these data are probed, in ascending order; those below the ones added were read again."""
    cursor, again = schema.import_cursor, schema.import_update
    progress = read_progress(connection, job)
    if progress.first_seq is not None and seqs[-1] >= progress.first_seq:
        connection.execute(update(cursor).where(cursor.c.job_id == job).values(measured_seq=seqs[-1]))
    connection.execute(delete(again).where(again.c.job_id == job, again.c.data_seq.in_(seqs)))


def add_counts(connection: Connection, job: UUID, more: Mapping[str, int]) -> dict[str, int]:
    """Add to the job's counts; returns them.

    Raises:
        NoLongerRunningError: the job was killed meanwhile.
    """
    row = job_table.get(connection, job)
    if row is None or row.status != JobStatus.RUNNING.value:
        raise NoLongerRunningError
    counts = dict(row.counts or {})
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count
    job_table.note(connection, job, counts=counts)
    return counts
