"""Pages of listings."""

from __future__ import annotations

import json
import re
from typing import Generic, TypeVar

from datalake_ops.wire.model import WireModel

T = TypeVar("T")

# The largest page, id chunk and cursor step (SDK since 6.16).
PAGE_SIZE = 1000
# Entries of one `import_cloud_objects` and of one bulk update call.
IMPORT_SIZE = 500
UPDATE_SIZE = 100


class Page(WireModel, Generic[T]):
    """One page: its items, how many match in all, and where the next page starts."""

    items: list[T]
    count: int = 0
    next_cursor: str | None = None


_CURSOR = re.compile(rb'"next_cursor"\s*:\s*("(?:[^"\\]|\\.)*")')
# The cursor stands before or after the items.
_ENDS_BYTES = 512


def likely_cursor(body: bytes) -> str | None:
    """Guess the next cursor of a page from its undecoded body; only `Page.next_cursor` is certain."""
    found = _CURSOR.findall(body[-_ENDS_BYTES:])[-1:] or _CURSOR.findall(body[:_ENDS_BYTES])[:1]
    try:
        return str(json.loads(found[0])) if found else None
    except ValueError:
        return None
