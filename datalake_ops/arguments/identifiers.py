"""Identifiers: of data, jobs and whatever else the platform gives a UUID."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from datalake_ops.arguments.literals import elements
from datalake_ops.arguments.refusal import refusal
from datalake_ops.arguments.selection import is_empty

_EXPECTED = "identifiers are UUIDs, or objects that have one (data, jobs)."


def identifiers(field: str, value: Any) -> list[UUID] | None:
    """Identifiers, each once, in the order given.

    Taken are UUIDs, their text, objects and mappings that have an `id`; one of these, or any iterable of them, lists in
    it opened one level deep (the result of mapped tasks). None among the elements is what a skipped task left: nothing.

    Raises:
        ArgumentError: an element is or has no UUID.
    """
    if value is None:
        return None
    if is_empty(value):
        return []
    found = [_identifier(field, item) for item in elements(value) if item is not None]
    return list(dict.fromkeys(found))


def identifier(field: str, value: Any) -> UUID | None:
    """One identifier; a list of one is that one.

    Raises:
        ArgumentError: it is or has no UUID, or several or none are given.
    """
    found = identifiers(field, value)
    if found is None:
        return None
    if len(found) != 1:
        raise refusal(field, value, f"write one identifier, not {len(found)}.")
    return found[0]


def _identifier(field: str, value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, Mapping):
        lists = [name for name in ("data_ids", "job_ids", "ids") if name in value]
        if "id" not in value and lists:
            raise refusal(field, value, f"it holds the identifiers under another name: write [{lists[0]!r}] behind it.")
        return _of_text(field, value, value.get("id"))
    return _of_text(field, value, value if isinstance(value, str) else getattr(value, "id", None))


def _of_text(field: str, value: Any, text: Any) -> UUID:
    if isinstance(text, UUID):
        return text
    if not isinstance(text, str):
        raise refusal(field, value, _EXPECTED)
    try:
        return UUID(text.strip())
    except ValueError as error:
        raise refusal(field, value, _EXPECTED) from error
