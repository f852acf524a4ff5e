"""Opaque page cursors of listings."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any

import orjson

from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.http.json_text import parse_json

_VERSION = 1
_LARGEST = 2**63


@dataclass(frozen=True)
class Cursor:
    """Last key of a page, and the total number of matches, counted once on the first page."""

    after: int
    count: int


def digest(filter_: Any) -> str:
    """Digest of a listing's filter: a cursor is valid only for the listing that it came from."""
    return blake2s(orjson.dumps(filter_, option=orjson.OPT_SORT_KEYS), digest_size=6).hexdigest()


def write_cursor(cursor: Cursor, filter_digest: str) -> str:
    """Encode a cursor as text."""
    return urlsafe_b64encode(orjson.dumps([_VERSION, filter_digest, cursor.after, cursor.count])).decode().rstrip("=")


def read_cursor(text: str, filter_digest: str) -> Cursor:
    """Decode a cursor.

    Raises:
        RefusalError: 400, the text is no cursor, or one of another listing.
    """
    try:
        padded = text.encode() + b"=" * (-len(text) % 4)
        version, made_for, after, count = parse_json(urlsafe_b64decode(padded))
    except (ValueError, TypeError) as error:
        raise bad_request("The cursor is not one that this platform gave.") from error
    if version != _VERSION or not _is_count(after) or not _is_count(count):
        raise bad_request("The cursor is not one that this platform gave.")
    if made_for != filter_digest:
        raise bad_request("The cursor belongs to a listing with another filter; start again without it.")
    return Cursor(after, count)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _LARGEST
