"""Log lines of jobs: appended as they are printed, or put at a line number by programs that use the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, update

from datalake_ops.platform.store import schema

LINE_LENGTH = 8192
LINES_AT_MOST = 100_000
_CUT = "... the log goes on, but no more than {:,} lines of it are kept here."


@dataclass(frozen=True)
class SentLines:
    """Lines that a program sends by the API: the number of the first, and their section in the log view."""

    line_nb: int
    lines: Sequence[str]
    part: str | None = None
    special: Any = None


def append(connection: Connection, job: UUID, lines: Sequence[str]) -> None:
    """Append lines to a job's log."""
    first = count(connection, job)
    room = LINES_AT_MOST - first
    if room < 0 or not lines:
        return
    texts = [line[:LINE_LENGTH] for line in lines[:room]]
    if len(lines) > room:
        texts.append(_CUT.format(LINES_AT_MOST))
    connection.execute(
        insert(schema.job_log),
        [{"job_id": job, "seq": first + index, "text": line} for index, line in enumerate(texts)],
    )


def put(connection: Connection, job: UUID, sent: SentLines) -> None:
    """Put lines at their numbers; a number that exists gets the new text in its old place."""
    log = schema.job_log
    for index, line in enumerate(sent.lines):
        number = sent.line_nb + index
        values = {"text": line[:LINE_LENGTH], "part": sent.part, "special": sent.special}
        row_filter = (log.c.job_id == job, log.c.line_nb == number)
        if connection.execute(update(log).where(*row_filter).values(**values)).rowcount == 0:
            seq = count(connection, job)
            if seq < LINES_AT_MOST:
                connection.execute(insert(log).values(job_id=job, seq=seq, line_nb=number, **values))


def count(connection: Connection, job: UUID) -> int:
    """Number of lines in a job's log."""
    log = schema.job_log.c
    last = connection.execute(select(func.max(log.seq)).where(log.job_id == job)).scalar()
    return 0 if last is None else int(last) + 1


def page(connection: Connection, job: UUID, cursor: int, limit: int) -> tuple[list[str], int]:
    """Lines from a cursor on, and the cursor of the next page; a negative cursor means that many last lines."""
    first = max(0, count(connection, job) + cursor) if cursor < 0 else cursor
    log = schema.job_log.c
    rows = connection.execute(
        select(log.text).where(log.job_id == job, log.seq >= first).order_by(log.seq).limit(limit)
    ).scalars()
    lines = list(rows)
    return lines, first + len(lines)
