"""Inputs of a launch, checked against those that the processing declares and against what they name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from datalake_ops.platform.http.errors import bad_request, not_found
from datalake_ops.platform.jobs.processings.launch_body import (
    DATA_IDS,
    MODEL_VERSION,
    OUTPUT_LAKE,
    OUTPUT_LAKE_NAME,
    LaunchBody,
)
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import parse_id
from datalake_ops.wire.processings import InputType

# Inputs that are understood where a processing does not declare them, with their types.
_UNDECLARED = {
    MODEL_VERSION: InputType.MODEL_VERSION.value,
    OUTPUT_LAKE: InputType.DATALAKE.value,
    OUTPUT_LAKE_NAME: InputType.TEXT.value,
}

# What an id of these types names, and the table that has it: an id that is not in it is refused.
_TABLES: Mapping[str, tuple[str, Any]] = {InputType.DATALAKE.value: ("Datalake", schema.lake.c)}
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?", re.ASCII)


def declared_inputs(connection: Connection, processing: UUID) -> Sequence[Row[Any]]:
    """Inputs that a processing declares."""
    declared = schema.processing_input
    return connection.execute(select(declared).where(declared.c.processing_id == processing)).all()


def launch_inputs(
    connection: Connection, organization: UUID, declared: Sequence[Row[Any]], body: LaunchBody
) -> dict[str, Any]:
    """Inputs of a job: those of the launch, with the model version and the output lake that it names beside them.

    Raises:
        RefusalError: 400, an input is missing, not declared, of another type or said twice with two meanings; 404, it
            names what does not exist.
    """
    names = frozenset(row.name for row in declared)
    types = {**_UNDECLARED, **{row.name: row.input_type for row in declared}}
    given = _read_texts(body, types, names)
    unknown = sorted(set(given) - set(types))
    if unknown:
        known = ", ".join(sorted(names)) or "none"
        raise bad_request(f"inputs {', '.join(unknown)} are not declared by the processing; declared are: {known}.")
    inputs = _with_fields(given, body)
    for row in declared:
        if inputs.get(row.name) is None and row.required:
            raise bad_request(f"inputs.{row.name} is required by the processing.")
    for name, value in inputs.items():
        _check(connection, organization, name, types[name], value)
    return _with_output(connection, organization, inputs, names)


def _read_texts(body: LaunchBody, types: Mapping[str, str], declared: frozenset[str]) -> dict[str, Any]:
    """Inputs with numbers for their texts, without blank ids and without the ids of data that the launch itself names.

    The command line writes an empty text into a run config for each declared input that has no value, and what was
    typed for one that has.
    """
    return {
        name: _number(value) if types.get(name) == InputType.NUMBER.value and isinstance(value, str) else value
        for name, value in (body.inputs or {}).items()
        if not (name == DATA_IDS and name not in declared)
        and not (value == "" and types.get(name) != InputType.TEXT.value)
    }


def _number(text: str) -> int | float | str:
    """Number of a decimal text; the text itself when it is none."""
    if not _NUMBER.fullmatch(text):
        return text
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _with_fields(given: Mapping[str, Any], body: LaunchBody) -> dict[str, Any]:
    inputs = dict(given)
    model_version = None if body.model_version_id is None else str(body.model_version_id)
    for name, value in ((MODEL_VERSION, model_version), (OUTPUT_LAKE_NAME, body.target_datalake_name)):
        if not value:
            continue
        if str(inputs.setdefault(name, value)) != value:
            raise bad_request(f"{name} and inputs.{name} are different: {value!r:.80} and {inputs[name]!r:.80}.")
    return inputs


def _check(connection: Connection, organization: UUID, name: str, input_type: str, value: Any) -> None:
    if value is None:
        return
    if not _fits(input_type, value):
        raise bad_request(f"inputs.{name} must be a {input_type}, not {value!r:.80}.")
    if input_type in _TABLES:
        noun, columns = _TABLES[input_type]
        own = select(columns.id).where(columns.organization_id == organization, columns.id == UUID(str(value)))
        if connection.execute(own).first() is None:
            raise not_found(f"{noun} {value}, of inputs.{name},")


def _with_output(
    connection: Connection, organization: UUID, inputs: dict[str, Any], declared: frozenset[str]
) -> dict[str, Any]:
    """Inputs with the id of the output lake in place of its name, which stays where it is declared."""
    name = inputs.get(OUTPUT_LAKE_NAME)
    if not name:
        return inputs
    lake = schema.lake.c
    found = connection.execute(select(lake.id).where(lake.organization_id == organization, lake.name == name)).scalar()
    if found is None:
        raise not_found(f"Datalake {name!r}")
    if parse_id(inputs.get(OUTPUT_LAKE)) not in (None, found):
        raise bad_request(f"{OUTPUT_LAKE_NAME} and inputs.{OUTPUT_LAKE} name two datalakes.")
    kept = {key: value for key, value in inputs.items() if key != OUTPUT_LAKE_NAME or key in declared}
    return {**kept, OUTPUT_LAKE: str(found)}


def _fits(input_type: str, value: Any) -> bool:
    if input_type == InputType.TEXT.value:
        return isinstance(value, str)
    if input_type == InputType.NUMBER.value:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return parse_id(value) is not None
