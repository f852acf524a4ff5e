"""Contract between a platform and its programs: environment variables in, log lines and an exit code out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_type_hints
from uuid import UUID

from datalake_ops.config import Connection, RetryPolicy
from datalake_ops.errors import ConfigurationError, DatalakeError, NoDataError
from datalake_ops.hook import DatalakeHook
from datalake_ops.processings.stored_objects import fetch
from datalake_ops.wire.data import Data

P = TypeVar("P")

# The contract spells these names in lower case.
_JOB_ID = "job_id"
_CONNECTION = ("host", "api_token", "organization_id", "organization_name")
# A platform that restarts adopts running jobs, so their programs wait for it as long as a task does.
_RETRY = RetryPolicy(attempts=60, budget=300.0)
_TYPE_NAMES: dict[Any, str] = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}


class ContractError(DatalakeError):
    """The job lacks data that a program needs: it was run by hand, or by a platform that differs."""


class BadParametersError(ConfigurationError):
    """A job parameter is invalid; the text names it and its valid values."""


@dataclass(frozen=True)
class Task:
    """Input of one run: the program's name, a hook for the lake, the data, and the parameters of the job."""

    processing: str
    hook: DatalakeHook
    data: tuple[Data, ...]
    parameters: Mapping[str, Any]


def run(processing: str, program: Callable[[Task], int]) -> int:
    """Run a program on its job; the exit code is the program's, or 1 with the reason as the last log line."""
    try:
        with open_task(processing) as task:
            return program(task)
    except DatalakeError as error:
        log(f"failed: {error}")
        return 1


def log(line: str) -> None:
    """Write one line to the job's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def open_task(processing: str) -> Iterator[Task]:
    """Read environment, job and payload into a Task; the hook is closed at the end of the block.

    Raises:
        ContractError: the environment or the job lacks what a program needs.
        ConfigurationError: the connection in the environment cannot be right.
    """
    job_id = os.environ.get(_JOB_ID)
    if not job_id:
        raise ContractError("The environment variable job_id is not set; a platform starts this program for a job.")
    with _hook() as caller:
        context = caller.get_job(job_id).processing_job or {}
    lake, payload = context.get("target_id"), context.get("payload_presigned_url")
    if not lake or not payload:
        raise ContractError(f"Job {job_id} has no target_id and payload; it is not a job of a datalake processing.")
    with _hook(datalake_id=lake) as hook:
        ids = json.loads(fetch(hook, str(payload))).get("data_ids") or []
        yield Task(processing, hook, _find(hook, ids), context.get("parameters") or {})


def read_parameters(kind: type[P], given: Mapping[str, Any]) -> P:
    """Parse job parameters into a dataclass of texts, numbers, flags and pairs; its `__post_init__` checks ranges.

    Raises:
        BadParametersError: a name is not known, or a value is of the wrong type or out of its range.
    """
    types = get_type_hints(kind)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadParametersError(f"Unknown parameters {', '.join(unknown)}; the known ones are {', '.join(known)}.")
    return kind(**{name: _parse_value(name, value, types[name]) for name, value in given.items() if value is not None})


def _hook(datalake_id: str | None = None) -> DatalakeHook:
    given = {name: os.environ.get(name) for name in _CONNECTION}
    connection = Connection.from_mapping({**given, "datalake_id": datalake_id})
    return DatalakeHook.from_connection(connection.with_(retry=_RETRY))


def _find(hook: DatalakeHook, ids: list[str | UUID]) -> tuple[Data, ...]:
    if not ids:
        raise ContractError("The job names no data.")
    try:
        result = hook.list_data(ids=ids)
    except NoDataError as error:
        raise ContractError("None of the job's data is in the lake any more.") from error
    if len(result) < len(ids):
        log(f"{len(ids) - len(result)} of the {len(ids)} data are not in the lake any more")
    return tuple(result)


def _parse_value(name: str, value: Any, kind: Any) -> Any:
    if kind == tuple[float, float] | None:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise BadParametersError(f"{name} must be a list of two numbers, not {value!r}.")
        return tuple(_parse_value(name, number, float) for number in value)
    allowed = (int, float) if kind is float else kind
    # True is an int in Python, and an error here.
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, allowed):
        raise BadParametersError(f"{name} must be {_TYPE_NAMES[kind]}, not {value!r}.")
    return kind(value)
