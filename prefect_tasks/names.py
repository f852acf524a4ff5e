"""Names of task runs that say what is done, short and without secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

_LONGEST = 60


def saying(verb: str, *arguments: str) -> Callable[..., str]:
    """Names a task run by its verb and those of its arguments that were given, for `task_run_name`.

    The first argument stands for itself, the others as `name=value`.
    """

    def name(parameters: dict[str, Any]) -> str:
        words = [verb]
        for argument in arguments:
            if (value := parameters.get(argument)) not in (None, [], (), ""):
                text = shown(value)
                words.append(text if argument == arguments[0] else f"{argument}={text}")
        return " ".join(words)

    return name


def shown(value: Any) -> str:
    """A value in at most 60 characters: an address without user and query, which may sign it; many values by number."""
    if isinstance(value, Mapping) and "files" in value:
        return f"{value['files']} files"
    if isinstance(value, Collection) and not isinstance(value, (str, bytes)):
        only = len(value) == 1 and not isinstance(value, Mapping)
        return shown(next(iter(value))) if only else f"({len(value)})"
    text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    text = unsigned(text)
    return text if len(text) <= _LONGEST else f"...{text[3 - _LONGEST :]}"


def unsigned(address: str) -> str:
    """An address without user and query, which may sign it; a path as it is."""
    if "://" not in address:
        return address
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def named_error(error: Mapping[str, str]) -> str:
    """An error of an upload's summary with its path, which most texts begin with already."""
    text = error["error"]
    return text if text.startswith(error["path"]) else f"{error['path']}: {text}"
