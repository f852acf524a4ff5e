"""Export of a report: its rows as a file, and its summary in a limited size."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from datalake_ops.arguments.texts import sendable
from datalake_ops.errors import ConfigurationError

SMALLEST_SUMMARY = 500
_LONGEST_ERROR = 200
_ROWS_AT_ONCE = 10_000
_PARQUET = (".parquet", ".pq")


def check_target(target: Path) -> None:
    """Check that a report can be written to a file later.

    Raises:
        ConfigurationError: Parquet without pyarrow, or the folder cannot be written.
    """
    if target.suffix.lower() in _PARQUET:
        _pyarrow()
    draft = _draft_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(f"{target} is a folder")
        draft.touch()
        draft.unlink()
    except OSError as error:
        raise ConfigurationError(f"The report {target} cannot be written: {error}") from error


def save_rows(target: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as JSON lines, or as Parquet by the name, whole or not at all.

    Raises:
        ConfigurationError: Parquet without pyarrow.
        OSError: it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft_of(target)
    try:
        if target.suffix.lower() in _PARQUET:
            _write_parquet(draft, iter(rows))
        else:
            with draft.open("w", encoding="utf-8", errors="backslashreplace") as stream:
                for row in rows:
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def within(summary: dict[str, Any], max_bytes: int) -> dict[str, Any]:
    """Return a summary whose JSON has at most `max_bytes` bytes: errors first, then as many ids as fit.

    Raises:
        ConfigurationError: `max_bytes` is too few for the counts alone.
    """
    if max_bytes < SMALLEST_SUMMARY:
        raise ConfigurationError(f"A summary takes at least {SMALLEST_SUMMARY} bytes, got {max_bytes}.")
    errors, ids = summary["errors"], summary["data_ids"]
    left = summary["errors_left_out"], summary["data_ids_left_out"]
    small = {**summary, "notes": [], "errors": [], "data_ids": [], "errors_left_out": left[0] + len(errors)}
    small["data_ids_left_out"] = left[1] + len(ids)
    room = max_bytes - _length(small)
    listed: tuple[tuple[str, Iterator[Any]], ...] = (
        ("notes", map(_short, summary.get("notes", ()))),
        ("errors", map(_cut, errors)),
        ("data_ids", iter(ids)),
    )
    for name, values in listed:
        for value in values:
            room -= _length(value) + 2
            if room < 0:
                break
            small[name].append(value)
            if name != "notes":
                small[f"{name}_left_out"] -= 1
        room = max(room, 0)
    return small


def _cut(error: Mapping[str, str]) -> dict[str, str]:
    return {name: _short(text) for name, text in error.items()}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_ERROR else text[:_LONGEST_ERROR] + "..."


def _length(value: Any) -> int:
    return len(json.dumps(value))


def _draft_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigurationError("Parquet needs pyarrow: `pip install pyarrow`, or use JSONL.") from error
    return pyarrow, parquet


def _write_parquet(draft: Path, rows: Iterator[Mapping[str, Any]]) -> None:
    pa, parquet = _pyarrow()
    words = ("path", "status", "data_id", "upload_status", "error", "error_type")
    schema = pa.schema([(name, pa.string()) for name in words])
    for name, kind in (("bytes", pa.int64()), ("attempts", pa.int32()), ("seconds", pa.float64())):
        schema = schema.append(pa.field(name, kind))
    schema = schema.append(pa.field("doubles", pa.list_(pa.string())))
    with parquet.ParquetWriter(draft, schema) as writer:
        while chunk := [_clean(row) for row in islice(rows, _ROWS_AT_ONCE)]:
            writer.write_table(pa.Table.from_pylist(chunk, schema))


def _clean(row: Mapping[str, Any]) -> dict[str, Any]:
    # Names that are no UTF-8 have no place in Parquet.
    return {name: sendable(value) if isinstance(value, str) else value for name, value in row.items()}
