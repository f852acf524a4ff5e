"""Column types: UUIDs as 16 bytes, datetimes as integers, JSON as text."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

from datalake_ops.wire import moments

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now() -> datetime:
    """Current time, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Generate a UUID version 7: its leading milliseconds keep new rows together at the end of the index."""
    random = int.from_bytes(os.urandom(10), "big")
    value = (time.time_ns() // 1_000_000) << 80 | random
    # Version and variant, where RFC 9562 puts them.
    return UUID(int=value & ~(0xF000 << 64) & ~(0xC000 << 48) | 0x7000 << 64 | 0x8000 << 48)


def parse_id(value: Any) -> UUID | None:
    """UUID of a value's text, None if it is none."""
    try:
        return UUID(str(value))
    except ValueError:
        return None


def to_microseconds(moment: datetime) -> int:
    """Convert a datetime to microseconds since 1970; a naive one counts as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Convert microseconds since 1970 to a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def acquired_microseconds(metadata: Mapping[str, Any] | None) -> int | None:
    """Instant of `acquired_at` of metadata, for the column beside them; None without one that is a moment."""
    text = (metadata or {}).get("acquired_at")
    moment = moments.parse(text) if isinstance(text, str) else None
    return None if moment is None else to_microseconds(moment.start)


def metadata_columns(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """Columns of metadata in the table of data."""
    return {"metadata": metadata, "acquired_at": acquired_microseconds(metadata)}


def to_json(value: Any) -> str:
    """Serialize to compact JSON text, as JSON columns store it.

    Raises:
        TypeError: the value is not serializable, or holds integers above 64 bits.
    """
    return orjson.dumps(value).decode()


class Id(TypeDecorator[UUID]):
    """UUID stored as 16 bytes: half the size of its text, in the table and in every index."""

    impl = LargeBinary(16)
    cache_ok = True

    def process_bind_param(self, value: UUID | str | None, dialect: Dialect) -> bytes | None:
        """Bytes of a UUID or of its text."""
        if value is None:
            return None
        return value.bytes if isinstance(value, UUID) else UUID(value).bytes

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> UUID | None:
        """UUID of 16 bytes."""
        return None if value is None else UUID(bytes=value)


class Moment(TypeDecorator[datetime]):
    """Aware datetime stored as microseconds since 1970: sorts and compares as a number."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Microseconds of a datetime."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Datetime of microseconds since 1970."""
        return None if value is None else from_microseconds(value)


class Json(TypeDecorator[Any]):
    """JSON value stored as compact text; `None` is SQL NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Compact JSON text of a value."""
        return None if value is None else to_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Value of JSON text."""
        return None if value is None else orjson.loads(value)
