"""The rule of choosing data: None is left out, what is given and empty chooses nothing, and no filter is no choice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from datalake_ops.arguments.options import flag
from datalake_ops.arguments.refusal import refusal
from datalake_ops.errors import ArgumentError

# Filters that order or window what others choose; by these alone nothing is chosen. A limit alone chooses.
NO_CHOICE = frozenset({"intersect_tags", "order_by", "offset", "page_size"})


def is_empty(value: Any) -> bool:
    """True if a filter was given and is empty: blank text, an empty collection, or one of nothing but blanks."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, Mapping):
        return not value
    return isinstance(value, Collection) and all(item is None or is_empty(item) for item in value)


def is_choice(filters: Mapping[str, Any]) -> bool:
    """True if one of the filters was given, empty or not, that chooses among the data of a lake."""
    return any(value is not None for name, value in filters.items() if name not in NO_CHOICE)


def require_choice(verb: str, filters: Mapping[str, Any], everything: Any = False) -> None:
    """Refuse a verb that changes, launches or downloads and was told neither which data nor `everything`.

    Raises:
        ArgumentError: nothing was chosen, data were chosen beside `everything`, or `everything` is no `flag`.
    """
    chosen, everything = is_choice(filters), flag("everything", everything)
    if chosen and everything:
        raise ArgumentError(f"{verb} takes a choice of data or everything=True, not both.", field="everything")
    if not chosen and not everything:
        names = ", ".join(name for name in filters if name not in NO_CHOICE)
        raise ArgumentError(f"{verb} needs a choice of data ({names}); everything=True takes all data of the lake.")


def refuse_empty(filters: Mapping[str, Any]) -> None:
    """Refuse filters that are given and empty, for sensors and watchers: what matches nothing never arrives.

    Raises:
        ArgumentError: a filter is empty.
    """
    for name, value in filters.items():
        if is_empty(value):
            raise refusal(name, value, "it is empty and matches no data. Leave it out to wait without it.")
