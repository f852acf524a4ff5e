"""`NAME=VALUE` on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from datalake_ops.errors import ConfigurationError


def named_texts(option: str, texts: Iterable[str] | None) -> dict[str, str] | None:
    """Split `NAME=VALUE` texts; None for an option that was left out.

    Raises:
        ConfigurationError: one has no `=`, no name or no value, or a name is given twice.
    """
    if texts is None:
        return None
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not name.strip() or not separator:
            raise ConfigurationError(f"{option} {text!r} is not NAME=VALUE.")
        # A variable of a shell that is not set must not become an empty text that nobody meant.
        if not value.strip():
            raise ConfigurationError(f"{option} {text!r} has no value; write {name}='\"\"' for an empty text.")
        if name in found:
            raise ConfigurationError(f"{option} gives {name!r} twice.")
        found[name] = value
    return found


def named_values(option: str, texts: Iterable[str] | None) -> dict[str, Any] | None:
    """Split `NAME=VALUE` texts whose values are JSON or, where they are none, plain text.

    Raises:
        ConfigurationError: as `named_texts`.
    """
    found = named_texts(option, texts)
    return None if found is None else {name: json_or_text(value) for name, value in found.items()}


def json_or_text(value: str) -> Any:
    """Return the value that a text is the JSON of, or the text."""
    try:
        return json.loads(value)
    except ValueError:
        return value
