"""Reader of JSON text, with limits of nesting, digits and keys; whatever arrives as JSON is read here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

# Characters of numbers become "0", everything else a space: a long number is then found by one search.
_NUMBERS = bytes(48 if chr(code) in "0123456789.eE+-" else 32 for code in range(256))
_TEXT_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_SHOWN_PARTS = 8


class JsonTextError(ValueError):
    """The text is not valid JSON, or exceeds a limit; the message says what and where."""


class JsonLimitError(JsonTextError):
    """The text exceeds a limit."""


@dataclass(frozen=True)
class JsonLimits:
    """Limits of JSON text: levels of lists and objects, characters of one number, keys of one object."""

    levels: int = 64
    digits: int = 64
    keys: int = 10_000


BODY = JsonLimits()


def parse_json(text: str | bytes | bytearray, limits: JsonLimits = BODY) -> Any:
    """Parse JSON text.

    NaN and infinity are not valid; integers of more than 64 bits become floats.

    Raises:
        JsonTextError: the text is not valid JSON; the message has the place.
        JsonLimitError: it exceeds a limit.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    _check_digits(raw, limits)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # The parser gives up on deep texts, and does not say so in so many words.
        _check_brackets(raw, limits)
        raise JsonTextError(str(error)) from error
    # Brackets and colons within texts count too here, so that most texts need no second look.
    if raw.count(b"[") + raw.count(b"{") > limits.levels or raw.count(b":") > limits.keys:
        _check_containers(value, limits)
    return value


def _check_digits(raw: bytes | bytearray, limits: JsonLimits) -> None:
    longest = b"0" * (limits.digits + 1)
    shape = raw.translate(_NUMBERS)
    reached, quotes = 0, 0
    while (start := shape.find(longest, reached)) >= 0:
        quotes += _quotes(raw[reached:start])
        # An even number of quotes before it: the run is a number, not part of a text.
        if quotes % 2 == 0:
            raise JsonLimitError(f"a number has more than {limits.digits} digits: {_line(raw, start)}")
        reached = shape.find(b" ", start)
        if reached < 0:
            return


def _quotes(raw: bytes | bytearray) -> int:
    """Quotes that begin or end a text; escaped ones are not counted."""
    return raw.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')


def _check_brackets(raw: bytes | bytearray, limits: JsonLimits) -> None:
    level = 0
    for found in _TEXT_OR_BRACKET.finditer(raw):
        level += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(found[0], 0)
        if level > limits.levels:
            place = _line(raw, found.start())
            raise JsonLimitError(f"lists and objects are nested more than {limits.levels} levels: {place}")


def _line(raw: bytes | bytearray, position: int) -> str:
    line, column = raw.count(b"\n", 0, position) + 1, position - raw.rfind(b"\n", 0, position)
    return f"line {line} column {column}"


def _check_containers(value: Any, limits: JsonLimits) -> None:
    waiting: list[tuple[Any, tuple[str, ...]]] = [(value, ())]
    while waiting:
        container, path = waiting.pop()
        if isinstance(container, dict):
            if len(container) > limits.keys:
                raise JsonLimitError(f"an object has more than {limits.keys} keys: {_place(path)}")
            items: Iterable[tuple[Any, Any]] = container.items()
        elif isinstance(container, list):
            items = enumerate(container)
        else:
            continue
        if len(path) >= limits.levels:
            raise JsonLimitError(f"lists and objects are nested more than {limits.levels} levels: {_place(path)}")
        waiting += [(item, (*path, str(name))) for name, item in items if isinstance(item, (dict, list))]


def _place(path: tuple[str, ...]) -> str:
    shown = ".".join(part[:64] for part in path[:_SHOWN_PARTS])
    return f"at {shown}{'...' if len(path) > _SHOWN_PARTS else ''}" if path else "at the top"
