"""Contract between a platform and its programs: environment variables in, log lines and an exit code out."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from datalake_ops import arguments
from datalake_ops.concurrency import loop_thread
from datalake_ops.config import Connection, RetryPolicy
from datalake_ops.errors import ConfigurationError, DatalakeError
from datalake_ops.lake import Lake
from datalake_ops.processings.job_input import ContractError, read_job
from datalake_ops.wire.data import Data
from datalake_ops.wire.log_lines import one_line

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

P = TypeVar("P")

# The contract spells these names in lower case.
_JOB_ID = "job_id"
_CONNECTION = ("host", "api_token", "organization_id", "organization_name")
# A platform that restarts adopts running jobs, so their programs wait for it as long as a task does.
_RETRY = RetryPolicy(attempts=60, budget=300.0)
_TYPE_NAMES: dict[Any, str] = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}


class BadParametersError(ConfigurationError):
    """A job parameter is invalid; the text names it and its valid values."""


@dataclass(frozen=True)
class Task:
    """Input of one run: the program's name, the connection, the lake, the data, and the parameters of the job."""

    processing: str
    connection: Connection
    lake: Lake
    data: tuple[Data, ...]
    parameters: Mapping[str, Any]

    @cached_property
    def hook(self) -> DatalakeHook:
        """Hook for the lake; made when it is needed, since a program that tags nothing starts sooner without it."""
        from datalake_ops.hook import DatalakeHook

        return DatalakeHook.from_connection(self.connection.with_(datalake_id=self.lake.datalake.id))


def run(processing: str, program: Callable[[Task], int]) -> int:
    """Run a program on its job; the exit code is the program's, or 1 with the reason as the last log line."""
    # Decoders warn of what is odd in a file; what it means for the data is in the log's own lines.
    warnings.filterwarnings("ignore", module=r"PIL\..*")
    try:
        return program(open_task(processing))
    except DatalakeError as error:
        log(f"failed: {error}")
        return 1


def log(line: str) -> None:
    """Write one line to the job's log; a line break within it is written as an escape."""
    sys.stdout.write(f"{one_line(line)}\n")
    sys.stdout.flush()


def open_task(processing: str) -> Task:
    """Read environment, job and payload into a Task.

    Raises:
        ContractError: the environment or the job lacks what a program needs.
        ConfigurationError: the connection in the environment cannot be right.
    """
    job_id = arguments.identifier("job_id", os.environ.get(_JOB_ID) or None)
    if job_id is None:
        raise ContractError("The environment variable job_id is not set; a platform starts this program for a job.")
    given = {name: os.environ.get(name) for name in _CONNECTION}
    connection = Connection.from_mapping(given).with_(retry=_RETRY)
    found = loop_thread.run(lambda: read_job(connection, job_id))
    if not found.data_ids:
        raise ContractError("The job names no data.")
    if not found.data:
        raise ContractError("None of the job's data is in the lake any more.")
    if len(found.data) < len(found.data_ids):
        log(f"{len(found.data_ids) - len(found.data)} of the {len(found.data_ids)} data are not in the lake any more")
    return Task(processing, connection, found.lake, found.data, found.parameters)


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
