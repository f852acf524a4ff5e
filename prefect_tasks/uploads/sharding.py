"""Upload in shards: planned once, one task for each, and a summary of all files."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from prefect import runtime, task
from prefect.task_runners import TaskRunner
from prefect.utilities.annotations import unmapped

from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import NoDataError
from prefect_tasks.runs.datalake_task import datalake_task
from prefect_tasks.runs.idempotency import ONCE_PER_RUN
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.rollback import delete_created
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.ui.artifacts import ProgressArtifact
from prefect_tasks.uploads.reports import shard_name
from prefect_tasks.uploads.shard_progress import ShardProgress, shard_callback, track_shards
from prefect_tasks.uploads.shared_folder import SharedFolder
from prefect_tasks.uploads.upload import UploadDisplay, upload
from prefect_tasks.waits.stop_signal import stop_threads_on_error

# Seconds between two looks at shards that run.
_EVERY = 1.0


@datalake_task(empty=[], **{**RETRYING, **ONCE_PER_RUN, "task_run_name": "plan shards of {what}"})
def plan_upload(
    source: Mapping[str, Any], limits: Mapping[str, Any], what: str, on_empty: OnEmpty = "fail"
) -> list[dict[str, Any]]:
    """The shards of a source, planned once per flow run, so that a retry finds the very same."""
    from datalake_ops.upload.sharding import plan_shards

    shards = [shard.to_json() for shard in plan_shards(source_of(source), **limits)]
    if not shards:
        raise NoDataError(f"{what or 'The source'} has no file: there is nothing to upload.")
    return shards


def _shard_name(parameters: dict[str, Any]) -> str:
    digits = len(str(parameters["of"]))
    again = f", try {parameters['attempt']}" if parameters["attempt"] > 1 else ""
    return f"upload {parameters['number']:0{digits}}/{parameters['of']}, {parameters['shard']['files']} files{again}"


@task(**{**RETRYING, **ONCE_PER_RUN, "tags": ["datalake", "datalake-upload"], "task_run_name": _shard_name})
def upload_shard(
    credentials: Any,
    shard: dict[str, Any],
    number: int,
    of: int,
    arguments: dict[str, Any],
    checkpoints: str | None = None,
    limit: str | None = None,
    attempt: int = 1,
) -> dict[str, Any]:
    """Upload one shard and return its summary; files that fail are named in it and fail nothing.

    The result is kept for the run: a retried flow run does no shard twice that is done, and `attempt` tells apart the
    tries for one of which some files failed.
    """
    told: dict[str, Any] = dict(arguments)
    report = None
    if checkpoints is not None:
        folder, name = SharedFolder(checkpoints), shard_name(shard)
        told["journal"], report = folder.at(f"{name}.journal"), folder.at(f"{name}.jsonl")
    visible = UploadDisplay(f"shard {number} of {of}", artifacts=False)
    return upload(credentials, shard, told, visible, report, None, limit, shard_callback(number))


upload_shard.on_rollback(delete_created)


def source_of(told: Mapping[str, Any]) -> Any:
    """A source as `DatalakeHook.upload` takes it, of `{"paths": ...}` or `{"manifest": ..., "base": ..., ...}`.

    The manifest is foreign: a parameter of the run named it.
    """
    from datalake_ops.upload.sources.manifest import Manifest

    if told.get("manifest") is not None:
        return Manifest(told["manifest"], base=told.get("base"), allow=told.get("allow") or (), foreign=True)
    return told["paths"]


def upload_shards(
    plan: Sequence[Mapping[str, Any]], fixed: Mapping[str, Any], runner: TaskRunner[Any], what: str
) -> list[dict[str, Any]]:
    """Upload all shards, each as a task of the runner, and return one summary for each, in order.

    In a retried flow run only the shards that did not end well are uploaded again.

    Raises:
        Exception: what every shard raised, when none of them got as far as to report on its files.
    """
    summaries: dict[int, dict[str, Any] | BaseException] = {}
    left = list(range(1, len(plan) + 1))
    board = ShardProgress(sum(shard["files"] for shard in plan))
    for attempt in range(1, runtime.flow_run.run_count + 1):
        summaries.update(_run(plan, left, {**fixed, "attempt": attempt}, runner, board, what))
        left = [number for number in left if _is_bad(summaries[number])]
        if not left:
            break
    errors = [one for one in summaries.values() if isinstance(one, BaseException)]
    if errors and len(errors) == len(plan):
        raise errors[0]
    return [
        _lost(summary, plan[number - 1], number, len(plan)) if isinstance(summary, BaseException) else summary
        for number, summary in sorted(summaries.items())
    ]


def _run(
    plan: Sequence[Mapping[str, Any]],
    numbers: Sequence[int],
    fixed: Mapping[str, Any],
    runner: TaskRunner[Any],
    board: ShardProgress,
    what: str,
) -> Iterator[tuple[int, dict[str, Any] | BaseException]]:
    mapped = {
        "shard": [dict(plan[number - 1]) for number in numbers],
        "number": list(numbers),
        **{name: unmapped(value) for name, value in {**fixed, "of": len(plan)}.items()},
    }
    card = ProgressArtifact(what)
    with track_shards(board), stop_threads_on_error():
        submitted: Any = runner.map(cast("Any", upload_shard), mapped)
        for number, future in _as_they_end(dict(zip(numbers, submitted, strict=True))):
            if future is not None:
                outcome = _outcome(future)
                _note(board, number, outcome)
                yield number, outcome
            board.show(card)
    progress = board.progress
    card.end(f"{progress.done} of {board.files} files, {progress.failed} failed")


def _as_they_end(futures: Mapping[int, Any]) -> Iterator[tuple[int, Any]]:
    """Each future with its number when it has ended, and (0, None) every second meanwhile."""
    ended = queue.SimpleQueue[int]()
    for number, future in futures.items():
        future.add_done_callback(partial(_put, ended, number))
    left = set(futures)
    while left:
        try:
            number = ended.get(timeout=_EVERY)
        except queue.Empty:
            yield 0, None
        else:
            left.discard(number)
            yield number, futures[number]


def _put(ended: queue.SimpleQueue[int], number: int, _future: Any) -> None:
    ended.put(number)


def _outcome(future: Any) -> dict[str, Any] | BaseException:
    logger = run_logger()
    try:
        found: dict[str, Any] | BaseException = future.result(raise_on_failure=False)
    except Exception as error:
        # A cluster that lost a worker too often says so in errors of its own.
        logger.exception("A shard was lost.")
        return error
    return found


def _note(board: ShardProgress, number: int, outcome: dict[str, Any] | BaseException) -> None:
    from datalake_ops.upload.progress import Progress
    from datalake_ops.upload.reporting.failure_policy import failed_files

    if isinstance(outcome, BaseException):
        return
    counts, failed = outcome["counts"], failed_files(outcome)
    board.shards[number] = Progress(outcome["files"], outcome["files"], outcome["bytes"], failed, counts["SKIPPED"])


def _is_bad(summary: dict[str, Any] | BaseException) -> bool:
    if isinstance(summary, BaseException):
        return True
    from datalake_ops.upload.reporting.failure_policy import failed_files

    return failed_files(summary) > 0


def _lost(error: BaseException, shard: Mapping[str, Any], number: int, of: int) -> dict[str, Any]:
    """Return the summary of a shard without a report: its files count as failed."""
    from datalake_ops.upload.reporting.report import UploadReport

    summary = UploadReport(()).summary()
    files = shard["files"]
    path = f"shard {number} of {of} ({files} files)"
    return {
        **summary,
        "files": files,
        "counts": {**summary["counts"], "FAILED": files},
        "errors": [{"path": path, "error": f"{type(error).__name__}: {error}"}],
        "errors_left_out": files - 1,
    }
