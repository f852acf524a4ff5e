"""Rows of a manifest: checked values, or an error that names the line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from datalake_ops.errors import IncompleteSourceError, InvalidFileError
from datalake_ops.upload.sources.entry import Size, is_text

COLUMNS = ("path", "metadata", "custom_metadata", "tags", "source", "size")


class ManifestLocation(Protocol):
    """Location of a manifest, as far as its rows need it."""

    @property
    def path(self) -> str:
        """Path or address of the manifest."""

    def placed(self, path: str) -> str:
        """Return the path of a row, relative to the manifest, as it is opened.

        Raises:
            ValueError: the manifest may not reach it.
        """


@dataclass(frozen=True)
class Row:
    """Row of a manifest; `position` is its first byte, or its number in a Parquet file."""

    line: int
    position: int
    path: str
    metadata: Mapping[str, Any] | None = None
    custom_metadata: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()
    source: str | None = None
    size: Size | None = None
    error: InvalidFileError | None = None


def read_row(manifest: ManifestLocation, line: int, position: int, values: Callable[[], Any]) -> Row:
    """Return the row of the values, or one with the error when they are invalid."""
    try:
        return _checked(manifest, line, position, values())
    except (ValueError, TypeError, RecursionError) as error:
        return broken_row(manifest.path, line, position, str(error))


def broken_row(manifest: str, line: int, position: int, reason: str) -> Row:
    """Return the row of an invalid line; its path is the manifest's, with the line."""
    path = f"{manifest}:{line}"
    error = InvalidFileError(f"Line {line} of the manifest {manifest} is no valid row: {reason}", path)
    return Row(line, position, path, error=error)


def unread_row(manifest: str, line: int, position: int, reason: str) -> Row:
    """Return the row that stands for all rows from an unreadable line on."""
    path = f"{manifest}:{line}"
    error = IncompleteSourceError(f"The manifest {manifest} cannot be read from line {line} on: {reason}", path)
    return Row(line, position, path, error=error)


def from_cells(header: list[str], cells: list[str]) -> dict[str, Any]:
    """Return the values of a CSV row; an empty cell is no value.

    Raises:
        ValueError: more or fewer cells than the header has, or metadata that are no JSON.
    """
    if len(cells) != len(header):
        raise ValueError(f"it has {len(cells)} cells where the header has {len(header)}")
    return {name: _cell(name, cell) for name, cell in zip(header, cells, strict=True) if cell != ""}


def from_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is no JSON, or an object has a key twice.
    """
    return json.loads(text, object_pairs_hook=_object)


def _checked(manifest: ManifestLocation, line: int, position: int, values: Any) -> Row:
    if not isinstance(values, Mapping):
        raise TypeError("it is no object with a path")
    values = {name: value for name, value in values.items() if value is not None and value != ""}
    path = values.get("path")
    if not isinstance(path, str) or not path:
        raise ValueError("it has no path")
    if unknown := sorted(set(values) - set(COLUMNS)):
        raise ValueError(f"it has unknown columns: {', '.join(name or '(no name)' for name in unknown)}")
    return Row(
        line,
        position,
        manifest.placed(path),
        _mapping(values.get("metadata"), "metadata"),
        _mapping(values.get("custom_metadata"), "custom_metadata"),
        _names(values.get("tags")),
        _source(values.get("source")),
        _size(values.get("size")),
    )


def _mapping(value: Any, name: str) -> Mapping[str, Any] | None:
    if isinstance(value, str):
        # Parquet has no type for a value of any kind, so writers put JSON there.
        value = from_json(value)
    value = _plain(value)
    # An empty map of Parquet looks like an empty list.
    if value is None or isinstance(value, Mapping) or value == []:
        return value or None
    raise TypeError(f"its {name} is no object")


def _plain(value: Any) -> Any:
    """Value as JSON would have it, without the keys that are null.

    Files with columns hold a null, or pandas' NaN, for each key that only other rows have; decimals, and maps as pairs.
    """
    if isinstance(value, list) and value and all(isinstance(one, tuple) for one in value):
        value = _object(value)
    if isinstance(value, Mapping):
        kept = {key: plain for key, one in value.items() if (plain := _plain(one)) is not None}
        return kept if kept or not value else None
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _object(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    values: dict[Any, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"it has the key {key!r} twice")
        values[key] = value
    return values


def _names(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else list(value or ())
    if not all(isinstance(name, str) and name and is_text(name) for name in names):
        raise ValueError("its tags are no list of names")
    return tuple(names)


def _source(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and is_text(value)):
        return value or None
    raise TypeError("its source is no name")


def _size(value: Any) -> Size | None:
    if value is None:
        return None
    if isinstance(value, Iterable):
        sides = list(value)
        if len(sides) == 2 and all(isinstance(side, int) and side > 0 for side in sides):
            return sides[0], sides[1]
    raise ValueError("its size is no pair of a width and a height above 0")


def _cell(name: str, cell: str) -> Any:
    if name in ("path", "source") or name not in COLUMNS:
        return cell
    if name == "tags" and not cell.lstrip().startswith("["):
        return [tag.strip() for tag in cell.split(";") if tag.strip()]
    try:
        return from_json(cell)
    except ValueError as error:
        raise ValueError(f"its {name} is no JSON: {error}") from error
