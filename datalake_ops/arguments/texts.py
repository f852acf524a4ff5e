"""Texts: a name, a query, a path; and lists of names."""

from __future__ import annotations

from numbers import Integral
from os import PathLike, fspath
from typing import Any
from uuid import UUID

from datalake_ops.arguments.literals import elements, parsed
from datalake_ops.arguments.refusal import refusal
from datalake_ops.errors import ArgumentError

_LOST = (
    "its text was lost when a template or YAML read it as {kind}. Write the text in quotes, or render the field as text"
)

NO_ENCODING = (
    "has half of a surrogate pair in it, as names of files that are no UTF-8 have; "
    "no text of the platform can hold one."
)


def text(field: str, value: Any) -> str | None:
    """A text. Whole numbers, ids, paths and objects that have a name (tags, sources) become theirs.

    Raises:
        ArgumentError: a number that is not whole, a boolean, a date or a list: its own text cannot be known.
    """
    return None if value is None else _text(field, value)


def name(field: str, value: Any) -> str | None:
    """The name of one thing: a tag, a source, a processing. Taken is what `text` takes.

    Raises:
        ArgumentError: it is no text, or the text of a list or mapping, as a template makes it of another task's output.
    """
    found = text(field, value)
    if found is not None and not isinstance(parsed(found), str):
        raise refusal(field, value, "it is a collection in text form. Write one name.")
    return found


def required_name(field: str, value: Any, expected: str) -> str:
    """The name of one thing, as `name` takes it, which must be given.

    Raises:
        ArgumentError: it is None or blank, or no name; `expected` says what to write.
    """
    found = name(field, value)
    if found is None or not found.strip():
        raise refusal(field, value, expected)
    return found


def texts(field: str, value: Any, allow_blank: bool = False) -> list[str] | None:
    """A list of texts, in the order given: names, tags, prefixes, file names.

    One text is a list of one; a list in text form (JSON or a Python literal) is that list. Blank text and a list of
    nothing but blanks are the empty list: given, and empty. With `allow_blank`, the list `[""]` is kept as it is.

    Raises:
        ArgumentError: an element is no text, or is blank beside others that are not.
    """
    if value is None:
        return None
    if isinstance(value, str) and not value.strip():
        return []
    items = list(elements(value))
    found = ["" if item is None else _text(field, item) for item in items]
    if all(item.strip() for item in found) or (allow_blank and items == [""]):
        return found
    if not any(item.strip() for item in found):
        return []
    raise refusal(field, value, "one of its texts is blank. Leave the blank one out.")


def encodable(field: str, text: str) -> str:
    """Return a text that is to be sent.

    Raises:
        ArgumentError: it has half of a surrogate pair, which UTF-8 has no form for.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{field}, {text!a}, {NO_ENCODING}", field=field) from error
    return text


def sendable(text: str) -> str:
    """Return the text with halves of surrogate pairs, as undecodable bytes of a name are, escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def printable(text: str) -> str:
    """Return the text with line ends, control characters and undecodable bytes escaped: one line of a log."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _text(field: str, value: Any) -> str:
    if isinstance(value, str):
        # An enumeration's member is the text that it stands for.
        return str.__str__(value)
    if isinstance(value, bool):
        raise refusal(field, value, _expected(value))
    if isinstance(value, (UUID, Integral)):
        return str(value)
    if isinstance(value, PathLike):
        path = fspath(value)
        if isinstance(path, str):
            return path
    name = getattr(value, "name", None)
    if isinstance(name, str):
        return name
    raise refusal(field, value, _expected(value))


def _expected(value: Any) -> str:
    if isinstance(value, (list, tuple, dict, set)):
        return "write text, not a collection."
    return f"{_LOST.format(kind=f'a {type(value).__name__}')}."
