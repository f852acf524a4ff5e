"""Numbers: of any kind, whole ones, and durations in seconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from datalake_ops.arguments.refusal import refusal
from datalake_ops.arguments.texts import texts

# The text of a timedelta, as a template shows it.
_CLOCK = re.compile(r"(?:(-?\d+) days?, )?(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)")


def number(field: str, value: Any, at_least: float | None = None) -> float | None:
    """A finite number, an int where it is given as one; also in text form.

    Raises:
        ArgumentError: it is none (a boolean is none), is not finite, or is below `at_least`.
    """
    if value is None:
        return None
    found = _number(value)
    if found is None or not math.isfinite(found):
        raise refusal(field, value, "write a number, such as 0.5 or 10.")
    return _checked(field, value, found, at_least)


def whole_number(field: str, value: Any, at_least: int | None = None) -> int | None:
    """A whole number; also in text form, or as a float without fraction.

    Raises:
        ArgumentError: it is none, or is below `at_least`.
    """
    if value is None:
        return None
    found = _number(value)
    if found is None or not math.isfinite(found) or found != int(found):
        raise refusal(field, value, "write a whole number, such as 10.")
    return int(_checked(field, value, int(found), at_least))


def window(limit: Any, offset: Any, order_by: Any) -> tuple[int | None, int | None, list[str] | None]:
    """The window of a list of tags, sources or processings, with the fields that order it; None for what is left out.

    Raises:
        ArgumentError: `limit` or `offset` is no whole number of at least 0, or `order_by` is no list of names.
    """
    names = texts("order_by", order_by) or None
    return whole_number("limit", limit, at_least=0), whole_number("offset", offset, at_least=0), names


def seconds(field: str, value: Any) -> float | None:
    """A duration in seconds, from a number, its text ("300"), a timedelta or its text ("0:05:00"); 0 or more.

    Raises:
        ArgumentError: it is none of these, negative or not finite.
    """
    if value is None:
        return None
    found = value.total_seconds() if isinstance(value, timedelta) else _of_clock(value)
    if found is None:
        found = _number(value)
    if found is None or not math.isfinite(found) or found < 0:
        raise refusal(field, value, "write seconds as a number of at least 0, such as 300, or a timedelta.")
    return float(found)


def positive_seconds(field: str, value: Any) -> float | None:
    """A duration as `seconds` takes it, above 0.

    Raises:
        ArgumentError: it is no duration, or 0: a wait of no time would stop what it had just begun.
    """
    found = seconds(field, value)
    if found == 0:
        raise refusal(field, value, "write a number of seconds above 0.")
    return found


def _of_clock(value: Any) -> float | None:
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    days, hours, minutes, rest = match.groups()
    return int(days or 0) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(rest)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, (Real, Decimal)):
        return float(value)
    if not isinstance(value, str):
        return None
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return None


def _checked(field: str, value: Any, found: float, at_least: float | None) -> float:
    if at_least is not None and found < at_least:
        raise refusal(field, value, f"write a number of at least {at_least}.")
    return found
