"""Lists and mappings in text form, as templates and forms produce them: JSON, or a Python literal."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Templates show UUIDs in a list by their repr, which is no literal.
_UUID_REPR = re.compile(r"\bUUID\((['\"][0-9a-fA-F-]{32,36}['\"])\)")
_BRACKETS = {"[": "]", "(": ")", "{": "}"}


def parsed(text: str) -> Any:
    """The list, tuple, set or mapping that a text is the JSON or Python literal of; the text itself if it is none."""
    stripped = text.strip()
    if not stripped or _BRACKETS.get(stripped[0]) != stripped[-1]:
        return text
    for read in (json.loads, _literal):
        try:
            return _collection(read(stripped), text)
        # Deep nesting and odd characters fail in ways of their own.
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return text


def elements(value: Any) -> Iterator[Any]:
    """The elements of one value or many, lists among them (also in text form) opened one level deep.

    A text, a mapping and what cannot be iterated are one element; sets are sorted, so that equal ones give equal lists.
    """
    for item in _opened(value):
        yield from _opened(item)


def _opened(value: Any) -> Iterable[Any]:
    found = parsed(value) if isinstance(value, str) else value
    if isinstance(found, (set, frozenset)):
        return sorted(found, key=repr)
    # Data and tags are models, whose fields could be iterated.
    if isinstance(found, (str, bytes, Mapping)) or not isinstance(found, Iterable) or hasattr(found, "id"):
        return (found,)
    return found


def _literal(text: str) -> Any:
    return ast.literal_eval(_UUID_REPR.sub(r"\1", text))


def _collection(value: Any, text: str) -> Any:
    return value if isinstance(value, (list, tuple, set, dict)) else text
