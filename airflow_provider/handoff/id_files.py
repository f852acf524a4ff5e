"""Files of data ids, one a line, for lists that are too long for an XCom."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from airflow_provider.handoff.storage import Storage
from datalake_ops.errors import ConfigurationError


def write_ids(address: Any, ids: Iterable[str], storage: Storage) -> str:
    """Write ids to a path or an fsspec URL, one a line, and return the address; whole or not at all."""
    with storage.writing(address) as draft, draft.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{one}\n" for one in ids)
    return str(address)


def read_ids(address: Any, storage: Storage) -> list[str]:
    """The ids of a file: one a line, or JSON lines with `data_id` as a saved report of an upload has them.

    Raises:
        ConfigurationError: a line is neither.
    """
    with storage.reading(address) as stream:
        return list(dict.fromkeys(_ids(address, stream)))


def given_ids(given: Any, storage: Storage) -> list[str]:
    """The ids that a task was given, each once: one, many, or the addresses of files with them.

    Raises:
        ConfigurationError: text that is neither an id nor the address of a readable file, or a wrong line in it.
    """
    if isinstance(given, str) or hasattr(given, "open"):
        given = [given]
    found: dict[str, None] = {}
    for one in given:
        if isinstance(one, UUID) or (isinstance(one, str) and is_id(one)):
            found[str(one)] = None
            continue
        try:
            found |= dict.fromkeys(read_ids(one, storage))
        except FileNotFoundError as error:
            raise ConfigurationError(f"{one!r} is neither the id of a data (a UUID) nor a file with ids.") from error
    return list(found)


def given_rows(given: Any, key: str, storage: Storage) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Names with the fields of each: from a mapping, a list of names, or a file with a row for each.

    A row of a file is a name alone, or a JSON object that has it under `key`.

    Raises:
        ConfigurationError: there is no such file, a row has no such key, or is no JSON.
    """
    if isinstance(given, Mapping):
        yield from given.items()
    elif not isinstance(given, str) and not hasattr(given, "open"):
        yield from ((str(name), None) for name in given)
    else:
        try:
            with storage.reading(given) as stream:
                for number, line in enumerate(stream, 1):
                    if text := line.strip():
                        yield _row(text, key, f"Line {number} of {given}")
        except FileNotFoundError as error:
            raise ConfigurationError(f"{str(given)!r} is not the address of a file.") from error


def is_id(text: str) -> bool:
    """Return True if a text is the id of a data, a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _ids(address: Any, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("{"):
            text = _id_of_row(_object(text, f"Line {number} of {address}"))
        if not text:
            continue
        if not is_id(text):
            raise ConfigurationError(f"Line {number} of {address} holds {text[:80]!r}, not the id of a data.")
        yield text


def _row(text: str, key: str, where: str) -> tuple[str, dict[str, Any] | None]:
    if not text.startswith("{"):
        return text, None
    row = _object(text, where)
    if key not in row:
        raise ConfigurationError(f"{where} has no {key!r}: {text[:80]}")
    return str(row.pop(key)), row


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{where} is no JSON ({error}): {text[:80]}") from error
    return row


def _id_of_row(row: dict[str, Any]) -> str:
    from datalake_ops.upload.reporting.report import FileStatus

    # A file that the platform cannot read has a data too, but not one to work on.
    done = "status" not in row or FileStatus(row["status"]).succeeded
    return str(row.get("data_id") or "") if done else ""
