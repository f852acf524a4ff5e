"""Validation of metadata: fixed keys, each with its type (wire.md section 3.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from datalake_ops.platform.http.errors import RefusalError, bad_request
from datalake_ops.wire import moments
from datalake_ops.wire.data import METADATA_DATETIMES, METADATA_FLOATS, METADATA_KEYS, METADATA_TEXTS

_RANGES = {"latitude": 90.0, "longitude": 180.0}


def validate_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Validate metadata, normalize their moments and drop nulls; returns None if nothing is left.

    Raises:
        RefusalError: 400, naming the key that is unknown, of the wrong type, too long, or lacks its partner.
    """
    given = {key: value for key, value in (metadata or {}).items() if value is not None}
    valid = {key: _validate_value(key, value) for key, value in given.items()}
    if ("latitude" in valid) != ("longitude" in valid):
        alone = "latitude" if "latitude" in valid else "longitude"
        raise bad_request(f"metadata.{alone} was given alone; latitude and longitude go together.")
    return valid or None


def with_normal_moments(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata that the platform read itself, with their moments in normal form."""
    return {
        key: (moments.normalize(value) or value) if key in METADATA_DATETIMES else value
        for key, value in metadata.items()
    }


def _validate_value(key: str, value: Any) -> Any:
    if key not in METADATA_KEYS:
        raise bad_request(f"metadata.{key} is not a known key; known are {', '.join(sorted(METADATA_KEYS))}.")
    if key in METADATA_FLOATS:
        return _validate_float(key, value)
    if not isinstance(value, str):
        raise _wrong(key, "a text", value)
    if key in METADATA_DATETIMES:
        moment = moments.normalize(value)
        if moment is None:
            raise bad_request(f"metadata.{key} must be a date and time like 2024-01-02T03:04:05, not {value!r:.80}.")
        return moment
    longest = METADATA_TEXTS[key]
    if len(value) > longest:
        raise bad_request(f"metadata.{key} has at most {longest} characters, this one {len(value)}.")
    return value


def _validate_float(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong(key, "a number", value)
    bound = _RANGES.get(key)
    if bound is not None and abs(value) > bound:
        raise bad_request(f"metadata.{key} is to lie between -{bound:g} and {bound:g}, not {value}.")
    return float(value)


def _wrong(key: str, expected: str, value: Any) -> RefusalError:
    return bad_request(f"metadata.{key} must be {expected}, not {value!r:.80}.")
