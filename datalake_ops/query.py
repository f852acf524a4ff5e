"""Builders of query-language text that quote every name."""

from __future__ import annotations

import json
from collections.abc import Sequence


def quote(text: str) -> str:
    """Return the text as a string of the query language: double quotes, with JSON's escapes."""
    return json.dumps(text, ensure_ascii=False)


def tags_query(names: Sequence[str], intersect: bool = False) -> str:
    """Text that matches data with one of the tags, or with all of them."""
    if not names:
        return ""
    if intersect:
        return " and ".join(f"tags.name = {quote(name)}" for name in names)
    return f"tags.name in ({','.join(quote(name) for name in names)})"


def both(left: str | None, right: str | None) -> str:
    """Text that matches where both sides match; each side keeps its meaning, whatever connectors it holds."""
    sides = [side for side in ((left or "").strip(), (right or "").strip()) if side]
    return sides[0] if len(sides) == 1 else " and ".join(f"({side})" for side in sides)
