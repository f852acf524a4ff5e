"""Contract between a platform and its programs: environment variables in, log lines and an exit code out."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, get_type_hints
from uuid import UUID

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.presigned import StorageAnswer, Tries, failure_of, receive
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.config import Connection, RetryPolicy
from datalake_ops.errors import ConfigurationError, DatalakeError, DownloadError, NetworkError, NoDataError
from datalake_ops.hook import DatalakeHook
from datalake_ops.wire.data import Data, DataType, UploadStatus

P = TypeVar("P")

# The contract spells these names in lower case.
_JOB_ID = "job_id"
_CONNECTION = ("host", "api_token", "organization_id", "organization_name")
# A platform that restarts adopts running jobs, so their programs wait for it as long as a task does.
_RETRY = RetryPolicy(attempts=60, budget=300.0)
BATCH = 64  # data that are on disk at the same time
_TYPE_NAMES: dict[type, str] = {float: "a number", int: "a whole number", str: "a text"}


class ContractError(DatalakeError):
    """The job lacks data that a program needs: it was run by hand, or by a platform that differs."""


class BadParametersError(ConfigurationError):
    """A job parameter is invalid; the text names it and its valid values."""


@dataclass(frozen=True)
class Task:
    """Input of one run: a hook for the lake, the data, and the parameters of the job."""

    hook: DatalakeHook
    data: tuple[Data, ...]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class FetchedImage:
    """Data with its downloaded file, or the reason that it has none."""

    data: Data
    path: Path | None
    problem: str = ""


def run(program: Callable[[Task], int]) -> int:
    """Run a program on its job; the exit code is the program's, or 1 with the reason as the last log line."""
    try:
        with open_task() as task:
            return program(task)
    except DatalakeError as error:
        log(f"failed: {error}")
        return 1


def log(line: str) -> None:
    """Write one line to the job's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def open_task() -> Iterator[Task]:
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
        ids = json.loads(asyncio.run(_fetch(hook, str(payload)))).get("data_ids") or []
        yield Task(hook, _find(hook, ids), context.get("parameters") or {})


def read_parameters(kind: type[P], given: Mapping[str, Any]) -> P:
    """Parse job parameters into a dataclass of texts, integers and floats, whose `__post_init__` checks ranges.

    Raises:
        BadParametersError: a name is not known, or a value is of the wrong type or out of its range.
    """
    types = get_type_hints(kind)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadParametersError(f"Unknown parameters {', '.join(unknown)}; the known ones are {', '.join(known)}.")
    return kind(**{name: _parse_value(name, value, types[name]) for name, value in given.items() if value is not None})


def fetch_images(task: Task) -> Iterator[list[FetchedImage]]:
    """Download the task's images in batches; the files of a batch are deleted when the next one is requested.

    Data that are no image, or cannot be downloaded, come without a file and with the reason.
    """
    for start in range(0, len(task.data), BATCH):
        batch = task.data[start : start + BATCH]
        with TemporaryDirectory(prefix="datalake-ops-") as folder:
            yield _download(task.hook, batch, Path(folder))


def _hook(datalake_id: str | None = None) -> DatalakeHook:
    given = {name: os.environ.get(name) for name in _CONNECTION}
    connection = Connection.from_mapping({**given, "datalake_id": datalake_id})
    return DatalakeHook.from_connection(connection.with_(retry=_RETRY))


def _download(hook: DatalakeHook, batch: Sequence[Data], folder: Path) -> list[FetchedImage]:
    wanted = [one for one in batch if not _unusable_reason(one)]
    try:
        hook.download(wanted, folder, use_id=True)
    except DownloadError as error:
        # The other files are there; the missing ones are found below.
        log(str(error))
    result = []
    for one in batch:
        path = next(folder.glob(f"{one.id}*"), None)
        problem = _unusable_reason(one) or ("" if path else "could not be downloaded")
        result.append(FetchedImage(one, path, problem))
    return result


def _unusable_reason(data: Data) -> str:
    if data.type is DataType.VIDEO:
        return "is a video; only images are processed"
    if data.upload_status is UploadStatus.ERROR:
        return "could not be read by the platform"
    return ""


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


async def _fetch(hook: DatalakeHook, url: str) -> bytes:
    async with AsyncSession(hook.connection) as session:
        tries = Tries(session)
        while True:
            content = bytearray()
            answer = await _receive(session, url, content)
            failure = Failure(loss=Loss.CUT) if isinstance(answer, NetworkError) else failure_of(answer)
            if failure.is_transient and await tries.again(failure):
                continue
            if isinstance(answer, NetworkError):
                raise answer
            answer.accepted()
            return bytes(content)


async def _receive(session: AsyncSession, url: str, content: bytearray) -> StorageAnswer | NetworkError:
    async def keep(piece: bytes) -> None:
        content.extend(piece)

    try:
        return await receive(session, url, keep)
    except NetworkError as error:
        return error


def _parse_value(name: str, value: Any, kind: type) -> Any:
    # True is an int in Python, and an error here.
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise BadParametersError(f"{name} must be {_TYPE_NAMES[kind]}, not {value!r}.")
    return kind(value)
