"""Mappings: parameters, metadata, changes, labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from datalake_ops.arguments.literals import parsed
from datalake_ops.arguments.refusal import refusal

_EXPECTED = 'write a mapping, or its text as JSON, like {"key": "value"}.'


def mapping(field: str, value: Any) -> dict[Any, Any] | None:
    """A mapping with texts or UUIDs as keys; also in text form, as JSON or a Python literal. Blank text is empty.

    Raises:
        ArgumentError: it is none, or a key is something else (a template read it as a number).
    """
    if value is None:
        return None
    found = parsed(value) if isinstance(value, str) else value
    if isinstance(found, str) and not found.strip():
        return {}
    if not isinstance(found, Mapping):
        raise refusal(field, value, _EXPECTED)
    for key in found:
        if not isinstance(key, (str, UUID)):
            raise refusal(field, value, f"its key {key!r} is no text: {_EXPECTED}")
    return dict(found)
