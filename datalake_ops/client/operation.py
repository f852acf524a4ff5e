"""A request as a value: what to send, how to read the answer, and whether it may be repeated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from datalake_ops.arguments.texts import NO_ENCODING, encodable
from datalake_ops.errors import ArgumentError, ConfigurationError

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class Repeat(Enum):
    """Repeatability of a request whose answer was lost."""

    FREELY = "freely"  # reads, and writes that set a state: twice is as good as once
    ONCE = "once"  # a second request would do the work a second time


@dataclass(frozen=True)
class Operation(Generic[T]):
    """One call of the wire; `read` turns the bytes of a successful answer into the value."""

    method: str
    path: str
    read: Callable[[bytes], T]
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeat: Repeat = Repeat.FREELY

    def content(self) -> bytes | None:
        """The body as compact JSON; NaN and infinities become null, as the official SDK sends them.

        Raises:
            ConfigurationError: the body holds something that JSON has no form for; nothing was sent.
        """
        if self.body is None:
            return None
        try:
            return to_json(self.body, inf_nan_mode="null")
        except (PydanticSerializationError, ValueError, TypeError) as error:
            if "UnicodeEncodeError" in str(error):
                raise ArgumentError(f"What was given for {self.method} {self.path} {NO_ENCODING}") from error
            raise ConfigurationError(
                f"What was given for {self.method} {self.path} cannot be sent as JSON: {error}. Metadata and parameters"
                " are texts, numbers, booleans, dates, lists and dictionaries of these."
            ) from error


def query(**values: Any) -> tuple[tuple[str, str], ...]:
    """Query pairs: lists repeat their key, None is left out, booleans are `True`/`False` as on the wire.

    Raises:
        ArgumentError: a text has half of a surrogate pair, which no encoding has a form for.
    """
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        if value is None:
            continue
        many = value if isinstance(value, (list, tuple)) else (value,)
        pairs.extend((key, encodable(key, str(item))) for item in many)
    return tuple(pairs)


def nothing(_: bytes) -> None:
    """Reader of an answer whose body says nothing."""


def raw(body: bytes) -> dict[str, Any]:
    """Reader of an answer that is handed on as a plain object."""
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {type(value).__name__}")
    return value


def model(kind: type[M]) -> Callable[[bytes], M]:
    """Reader of an answer that is one wire value."""
    return kind.model_validate_json


def items(kind: type[M]) -> Callable[[bytes], list[M]]:
    """Reader of an unpaged listing: the values of its `items`."""

    def read(body: bytes) -> list[M]:
        return [kind.model_validate(item) for item in raw(body)["items"]]

    return read
