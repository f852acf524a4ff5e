"""Callback of a hook, called after each verb that succeeds with the data that the verb read or wrote."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from datalake_ops import arguments

Verb = TypeVar("Verb", bound=Callable[..., Any])
# A verb that is made of others is reported once.
_INSIDE: ContextVar[bool] = ContextVar("inside a verb", default=False)


@dataclass(frozen=True)
class DataAccess:
    """One verb that has succeeded: its name, whether it wrote to the lake, and the data that it named.

    `tags` and `source` are those of written data, or, of a verb that reads, filters; `q` is query-language text.
    """

    verb: str
    is_write: bool
    tags: tuple[str, ...] = ()
    source: str | None = None
    q: str | None = None


def reads(*names: str) -> Callable[[Verb], Verb]:
    """Report calls of a verb as reads; `names` are the arguments that say which data."""
    return functools.partial(_observed, names=names, is_write=False)


def writes(*names: str) -> Callable[[Verb], Verb]:
    """Report calls of a verb as writes; `names` are the arguments that say which data."""
    return functools.partial(_observed, names=names, is_write=True)


def _observed(verb: Verb, *, names: tuple[str, ...], is_write: bool) -> Verb:
    @functools.wraps(verb)
    def call(hook: Any, *args: Any, **kwargs: Any) -> Any:
        if hook.on_access is None or _INSIDE.get():
            return verb(hook, *args, **kwargs)
        token = _INSIDE.set(True)
        try:
            done = verb(hook, *args, **kwargs)
        finally:
            _INSIDE.reset(token)
        given = inspect.signature(verb).bind(hook, *args, **kwargs).arguments
        named = {name: given.get(name) for name in names}
        # A choice that was given and is empty reads no data, which a count answers with 0.
        if is_write or not any(arguments.is_empty(value) for value in named.values()):
            hook.on_access(_access(verb.__name__, is_write, named, given))
        return done

    return cast("Verb", call)


def _access(verb: str, is_write: bool, named: Mapping[str, Any], given: Mapping[str, Any]) -> DataAccess:
    tags = named.get("tags")
    listed = tags if isinstance(tags, (list, tuple)) else [tags]
    words = tuple(str(getattr(tag, "name", tag)) for tag in listed if tag)
    # Data with one of several tags have no name of their own.
    several = len(words) > 1 and not is_write and not given.get("intersect_tags")
    source = named.get("source")
    named_source = str(getattr(source, "name", source)) if source else None
    return DataAccess(verb, is_write, () if several else words, named_source, named.get("q"))
