"""The error for an argument that cannot be meant, and the form in which its value may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from datalake_ops.errors import ArgumentError

_SHOWN_CHARACTERS = 80
_SECRET_NAME = re.compile(r"token|password|passwd|secret|credential|authorization|signature|api_?key|access_?key", re.I)
_HIDDEN = "***"
_SECRETS_IN_TEXT = (
    # User info of a URL, up to the last `@` before the path.
    (re.compile(r"(?<=://)[^/\s?#]*@"), f"{_HIDDEN}@"),
    # Queries of URLs carry tokens and signatures.
    (re.compile(r"(://[^\s?#'\"]*)[?#][^\s'\"]*"), rf"\1?{_HIDDEN}"),
    (re.compile(r"\b(bearer|token)\s+[^\s'\"]+", re.I), rf"\1 {_HIDDEN}"),
    # name=value and "name": "value".
    (
        re.compile(
            rf"((?:{_SECRET_NAME.pattern})\w*['\"]?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,&;'\"}}]+)", re.IGNORECASE
        ),
        rf"\1{_HIDDEN}",
    ),
)


def refusal(field: str, value: Any, expected: str) -> ArgumentError:
    """An error for a field: its value as it may be shown, and what to write instead."""
    return ArgumentError(f"{field} cannot be {shown(value, field)}: {expected}", field=field)


def shown(value: Any, field: str = "") -> str:
    """A value as text for messages: 80 characters at most, without secrets; named by its type where that tells more."""
    if _SECRET_NAME.search(field) and value:
        return _HIDDEN
    text = without_secrets(repr(_masked(value)))
    if len(text) > _SHOWN_CHARACTERS:
        text = f"{text[: _SHOWN_CHARACTERS - 4]} ..."
    return text if value is None or isinstance(value, str) else f"{text} ({type(value).__name__})"


def without_secrets(text: str) -> str:
    """Text in which user info and queries of URLs, bearer tokens and named secrets are replaced by `***`."""
    for pattern, instead in _SECRETS_IN_TEXT:
        text = pattern.sub(instead, text)
    return text


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _HIDDEN if isinstance(key, str) and _SECRET_NAME.search(key) else _masked(item)
            for key, item in value.items()
        }
    return [_masked(item) for item in value] if type(value) in (list, tuple) else value
