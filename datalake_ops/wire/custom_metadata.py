"""Schema of a lake's custom metadata, as the wire has it: the keys it takes, and those it requires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def takes_text(name: str, schema: Mapping[str, Any]) -> bool:
    """Return True if a schema has a place for any text under a key."""
    own = _keys(schema).get(name)
    if own is None:
        return schema.get("allow_extra_custom_metadata") is not False
    return own.get("input_type") == "STRING" and not own.get("choices")


def required_beside(name: str, schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the other keys that a schema requires of data that have any custom metadata."""
    rules = _keys(schema).items()
    return frozenset(key for key, rule in rules if rule.get("required") and not rule.get("archived") and key != name)


def _keys(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schema.get("custom_metadata_schema") or {}
