"""Names of task runs from their arguments, short and without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

_LONGEST = 60
# Scheme, user, place, query: of an address alone, which may have spaces, and of those inside a text.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*@)?([^?#]*)([?#].*)?", re.DOTALL)
_IN_TEXT = re.compile(r"""([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/?#"'<>]*@)?([^\s?#"'<>]*)(?:[?#][^\s"'<>)]*)?""")


def run_name(verb: str, *arguments: str) -> Callable[..., str]:
    """Return a `task_run_name`: the verb and the arguments that are given.

    The first argument stands for itself, the others as `name=value`.
    """

    def name(parameters: dict[str, Any]) -> str:
        words = [verb]
        for argument in arguments:
            if (value := parameters.get(argument)) not in (None, [], (), ""):
                text = shorten(value)
                words.append(text if argument == arguments[0] else f"{argument}={text}")
        return " ".join(words)

    return name


def shorten(value: Any) -> str:
    """A value in at most 60 characters: an address without user and query, which may sign it; many values by number."""
    if isinstance(value, Mapping) and "files" in value:
        return f"{value['files']} files"
    if isinstance(value, Collection) and not isinstance(value, (str, bytes)):
        only = len(value) == 1 and not isinstance(value, Mapping)
        return shorten(next(iter(value))) if only else f"({len(value)})"
    text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    text = redact_address(text)
    return text if len(text) <= _LONGEST else f"...{text[3 - _LONGEST :]}"


def describe(value: Any) -> str:
    """The same for a sentence: many values as so many paths."""
    many = isinstance(value, Collection) and not isinstance(value, (str, bytes, Mapping)) and len(value) != 1
    return f"{len(value)} paths" if many else shorten(value)


def redact_address(address: str) -> str:
    """An address without user and query, which may sign it; each of a chain like `zip://a.png::https://host/b.zip`.

    A path stays as it is.
    """
    return "::".join(_ADDRESS.sub(r"\1\3", link) for link in address.split("::"))


def redact_text(text: str, path: str) -> str:
    """A text about a path without what would open it: users and queries of this address, and of others in the text."""
    text = text.replace(path, redact_address(path))
    for link in path.split("::"):
        if found := _ADDRESS.fullmatch(link):
            # Libraries tell of an address in forms of their own, often without its scheme.
            for secret in (found[2], found[4]):
                text = text.replace(secret, "") if secret else text
    return _IN_TEXT.sub(r"\1\2", text)


def redact_error(error: Mapping[str, str]) -> dict[str, str]:
    """An error of an upload's summary, as results, logs and artifacts may show it."""
    return {"path": redact_address(error["path"]), "error": redact_text(error["error"], error["path"])}
