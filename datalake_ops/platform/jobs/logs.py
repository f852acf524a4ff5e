"""Log lines of jobs: appended as they are printed, or put at a line number by programs that use the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, insert, select, update

from datalake_ops.platform.store import schema
from datalake_ops.wire.log_lines import one_line

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


def append(connection: Connection, job: UUID, lines: Sequence[str]) -> bool:
    """Append lines to a job's log; returns False when it is full, and nothing more will be kept.

    A line break within a line, as a file name may have one, is written as an escape.
    """
    first = count(connection, job)
    room = LINES_AT_MOST - first
    if room < 0:
        return False
    texts = [one_line(line[:LINE_LENGTH]) for line in lines[:room]]
    if len(lines) > room:
        texts.append(_CUT.format(LINES_AT_MOST))
    if texts:
        connection.execute(
            insert(schema.job_log),
            [{"job_id": job, "seq": first + index, "text": line} for index, line in enumerate(texts)],
        )
    return len(lines) <= room


def put(connection: Connection, job: UUID, sent: SentLines) -> None:
    """Put lines at their numbers; a number that exists gets the new text in its old place."""
    rows = [
        {"line_nb": sent.line_nb + index, "text": line[:LINE_LENGTH], "part": sent.part, "special": sent.special}
        for index, line in enumerate(sent.lines)
    ]
    log = schema.job_log.c
    span = log.line_nb.between(sent.line_nb, sent.line_nb + len(rows))
    known = set(connection.scalars(select(log.line_nb).where(log.job_id == job, span)))
    _replace(connection, job, [row for row in rows if row["line_nb"] in known])
    more = [row for row in rows if row["line_nb"] not in known]
    first = count(connection, job)
    kept = more[: max(0, LINES_AT_MOST - first)]
    if kept:
        new = [{"job_id": job, "seq": first + index, **row} for index, row in enumerate(kept)]
        connection.execute(insert(schema.job_log), new)
    if len(kept) < len(more):
        append(connection, job, [_CUT])


def _replace(connection: Connection, job: UUID, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    log = schema.job_log.c
    values: dict[str, Any] = {name: bindparam(name) for name in ("text", "part", "special")}
    statement = update(schema.job_log).where(log.job_id == job, log.line_nb == bindparam("number")).values(values)
    connection.execute(statement, [{**row, "number": row["line_nb"]} for row in rows])


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
