"""Form of a launch: a field for each parameter and declared input of a processing, and their values read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from datalake_ops.platform.console.forms import Form
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.http.json_text import JsonTextError, parse_json
from datalake_ops.wire.processings import InputType

_PARAMETER, _INPUT = "parameter.", "input."
_LONG = 60


@dataclass(frozen=True)
class FormField:
    """Field of a form: `kind` is text, number, flag, json or choice; the options of a choice are values with words."""

    name: str
    label: str
    kind: str
    value: str = ""
    hint: str = ""
    required: bool = False
    options: Sequence[tuple[str, str]] = field(default_factory=tuple)


def parameter_fields(defaults: Mapping[str, Any], form: Form | None = None) -> list[FormField]:
    """Fields of parameters, each of the kind of its default value, with what was typed where a form is given."""
    return [_parameter(name, default, form) for name, default in defaults.items()]


def input_fields(
    declared: Sequence[Any], lakes: Sequence[tuple[str, str]], form: Form | None = None
) -> list[FormField]:
    """Fields of declared inputs; a lake is chosen among those of the organization."""
    return [_input(row, lakes, form) for row in declared]


def read_parameters(defaults: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """Read the parameters of a form, with the types of their defaults.

    Raises:
        RefusalError: 400, a value has another type.
    """
    return {name: _value(name, default, form) for name, default in defaults.items()}


def read_inputs(declared: Sequence[Any], form: Form) -> dict[str, Any]:
    """Read the declared inputs of a form; empty ones are left out.

    Raises:
        RefusalError: 400, a number is none.
    """
    typed = {row.name: (row.input_type, form.get(_INPUT + row.name)) for row in declared}
    return {
        name: _number(name, text) if kind == InputType.NUMBER.value else text
        for name, (kind, text) in typed.items()
        if text
    }


def _parameter(name: str, default: Any, form: Form | None) -> FormField:
    key, kind = _PARAMETER + name, _kind(default)
    usual = _json(default) if kind == "json" else _text(default)
    value = usual if form is None else form.get(key)
    return FormField(key, name, kind, value, f"usually {usual}" if 0 < len(usual) <= _LONG else "")


def _input(row: Any, lakes: Sequence[tuple[str, str]], form: Form | None) -> FormField:
    key = _INPUT + row.name
    value = "" if form is None else form.get(key)
    if row.input_type == InputType.DATALAKE.value:
        return FormField(key, row.name, "choice", value, "a datalake", row.required, [("", "none"), *lakes])
    if row.input_type == InputType.NUMBER.value:
        return FormField(key, row.name, "number", value, "a number", row.required)
    hint = "a text" if row.input_type == InputType.TEXT.value else f"the id of a {row.input_type.lower()}"
    return FormField(key, row.name, "text", value, hint.replace("_", " "), row.required)


def _kind(default: Any) -> str:
    if isinstance(default, bool):
        return "flag"
    if isinstance(default, (int, float)):
        return "number"
    return "text" if isinstance(default, str) else "json"


def _value(name: str, default: Any, form: Form) -> Any:
    text, kind = form.get(_PARAMETER + name), _kind(default)
    if kind == "flag":
        return text == "true"
    if kind == "text":
        return text
    if kind == "number":
        number = _number(name, text)
        return int(number) if isinstance(default, int) and number == int(number) else number
    try:
        return parse_json(text or "null")
    except JsonTextError as error:
        raise bad_request(f"{name} is no valid JSON: {error}.") from error


def _number(name: str, text: str) -> int | float:
    try:
        value = parse_json(text)
    except JsonTextError as error:
        raise bad_request(f"{name} is a number, not {text!r:.80}.") from error
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise bad_request(f"{name} is a number, not {text!r:.80}.")
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
