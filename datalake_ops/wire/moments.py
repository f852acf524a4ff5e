"""Moments: the ISO 8601 forms that are read, the normal form that is stored, and the period that a short form names.

Python's own `fromisoformat` reads other forms in each version (24:00 since 3.14, any separator of date and time).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum

_DATE = (
    r"(?P<year>\d{4})(?:(?P<dash>-?)"
    r"(?:(?P<month>\d\d)(?:(?P=dash)(?P<day>\d\d))?|W(?P<week>\d\d)(?:(?P=dash)(?P<weekday>\d))?))?"
)
_TIME = (
    r"[Tt ](?P<hour>\d\d)(?:(?P<colon>:?)(?P<minute>\d\d)(?:(?P=colon)(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
)
_ZONE = r"\s*(?P<zone>[Zz]|[+-]\d\d(?::?\d\d){0,2})"
_FORM = re.compile(f"{_DATE}(?:{_TIME}(?:{_ZONE})?)?", re.ASCII)


class Precision(IntEnum):
    """Smallest unit that a text of a moment names."""

    YEAR = 1
    MONTH = 2
    WEEK = 3
    DAY = 4
    HOUR = 5
    MINUTE = 6
    SECOND = 7
    MICROSECOND = 8


_UNITS = {
    Precision.WEEK: timedelta(weeks=1),
    Precision.DAY: timedelta(days=1),
    Precision.HOUR: timedelta(hours=1),
    Precision.MINUTE: timedelta(minutes=1),
    Precision.SECOND: timedelta(seconds=1),
    Precision.MICROSECOND: timedelta(microseconds=1),
}


@dataclass(frozen=True)
class IsoMoment:
    """First instant that a text names, naive if it names no zone, and its smallest unit."""

    start: datetime
    precision: Precision

    def period(self) -> tuple[datetime, datetime]:
        """Start (inclusive) and end (exclusive) of the unit, in UTC.

        Raises:
            OverflowError, ValueError: it ends after the year 9999.
        """
        start = utc(self.start)
        if self.precision is Precision.YEAR:
            return start, start.replace(year=start.year + 1)
        if self.precision is Precision.MONTH:
            return start, (start + timedelta(days=31)).replace(day=1)
        return start, start + _UNITS[self.precision]


def parse(text: str) -> IsoMoment | None:
    """Parse a date, or a date and time with or without a zone, in the extended or the basic form; None if it is none.

    Years, months and weeks may stand alone. A fraction is cut to microseconds.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    parts = match.groupdict()
    precision = _precision(parts)
    # ISO 8601 has no basic form of a month: six digits once were a day with a short year.
    if (precision is Precision.MONTH and not parts["dash"]) or (parts["hour"] and not (parts["day"] or parts["week"])):
        return None
    try:
        start = _start(parts)
        utc(start)
    except (ValueError, OverflowError):
        return None
    return IsoMoment(start, precision)


def normalize(text: str) -> str | None:
    """Normal form of a text of a date and time, midnight without a time; None if it is none, or only a year or month.

    `2024-03-01T10:00:05.5+02:00`: a zone stays as it is, UTC is `Z`, and without a zone there is none.
    """
    moment = parse(text)
    return None if moment is None or moment.precision < Precision.WEEK else render(moment.start)


def render(moment: datetime) -> str:
    """Normal form of a datetime."""
    text = moment.replace(tzinfo=None).isoformat()
    zone = moment.isoformat().removeprefix(text)
    if moment.microsecond:
        text = text.rstrip("0")
    return text + ("Z" if moment.utcoffset() == timedelta(0) else zone)


def utc(moment: datetime) -> datetime:
    """The same instant in UTC; a naive datetime counts as UTC.

    Raises:
        OverflowError: it lies before the year 1 or after 9999 there.
    """
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _precision(parts: dict[str, str | None]) -> Precision:
    if parts["fraction"]:
        return Precision.MICROSECOND
    for name in ("second", "minute", "hour", "day", "week", "month"):
        if parts[name]:
            is_day = name == "week" and parts["weekday"]
            return Precision.DAY if is_day else Precision[name.upper()]
    return Precision.YEAR


def _start(parts: dict[str, str | None]) -> datetime:
    if parts["week"]:
        day = datetime.fromisocalendar(int(parts["year"] or 0), int(parts["week"]), int(parts["weekday"] or 1))
    else:
        day = datetime(int(parts["year"] or 0), int(parts["month"] or 1), int(parts["day"] or 1))
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    microsecond = int((parts["fraction"] or "0")[:6].ljust(6, "0"))
    # ISO 8601 calls the end of a day 24:00.
    if hour == 24 and not (minute or second or microsecond):
        hour, day = 0, day + timedelta(days=1)
    return day.replace(hour=hour, minute=minute, second=second, microsecond=microsecond, tzinfo=_zone(parts["zone"]))


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in "Zz":
        return UTC
    hours, minutes, seconds = (*map(int, re.findall(r"\d\d", text)), 0, 0)[:3]
    if minutes > 59 or seconds > 59:
        raise ValueError("a zone has at most 59 minutes and seconds")
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-offset if text[0] == "-" else offset)
