"""Dates of queries: a day, a month, a minute, each a period of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from datalake_ops.wire import moments


@dataclass(frozen=True)
class Period:
    """Period from `start` (inclusive) to `end` (exclusive), in UTC."""

    start: datetime
    end: datetime


def parse_period(text: str) -> Period | None:
    """Parse a date, or a date and time (UTC without a zone), as the period that it names; None if it is none."""
    moment = moments.parse(text)
    try:
        return None if moment is None else Period(*moment.period())
    except (ValueError, OverflowError):
        return None
