"""Dates of queries: a day, a month, a minute, each a period of time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

_FORM = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?\s*(Z|[+-]\d\d:?\d\d)?)?)?)?"
)


@dataclass(frozen=True)
class Period:
    """Period from `start` (inclusive) to `end` (exclusive), in UTC."""

    start: datetime
    end: datetime


def parse_period(text: str) -> Period | None:
    """Parse a date, or a date and time (UTC without a zone), as the period that it names; None if it is none."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    *numbers, fraction, zone = match.groups()
    given = [int(number) for number in numbers if number is not None]
    year, month, day, hour, minute, second = given + [1, 1, 1, 0, 0, 0][len(given) :]
    micro = int((fraction or "0").ljust(6, "0"))
    try:
        start = datetime(year, month, day, hour, minute, second, micro, _zone(zone)).astimezone(UTC)
        return Period(start, _end(start, len(given), fraction is not None))
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    if text in (None, "Z"):
        return UTC
    sign, hours, minutes = text[0], int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if sign == "-" else offset)


def _end(start: datetime, parts: int, exact: bool) -> datetime:
    if exact:
        return start + timedelta(microseconds=1)
    if parts == 1:
        return start.replace(year=start.year + 1)
    if parts == 2:
        return (start + timedelta(days=31)).replace(day=1)
    return start + {3: timedelta(days=1), 4: timedelta(hours=1), 5: timedelta(minutes=1)}.get(
        parts, timedelta(seconds=1)
    )
