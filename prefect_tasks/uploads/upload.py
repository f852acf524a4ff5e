"""Upload with progress artifacts, cancellation, rollback records and a summary, for all tasks that upload."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect.exceptions import CancelledRun

from datalake_ops.errors import NoDataError, NothingDoneError, UploadError
from datalake_ops.upload.reporting.rows import named_error
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.concurrency_limits import hold_slot
from prefect_tasks.runs.rollback import created_ids, is_undoable, record_change
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import redact_address, redact_error, redact_text
from prefect_tasks.ui import artifacts, assets
from prefect_tasks.ui.sample import show_sample
from prefect_tasks.uploads.shared_folder import save_report
from prefect_tasks.waits import stop_signal
from prefect_tasks.waits.run_monitor import FlowRunMonitor

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.upload.progress import Progress
    from datalake_ops.upload.reporting.report import UploadReport

# Enough in a log to see what is wrong; the summary names more, the saved report all.
_LOGGED = 20
# What a result, an XCom or an artifact carries.
SUMMARY_BYTES = 2000


@dataclass(frozen=True)
class UploadDisplay:
    """Display of an upload: its name, artifacts or none, pictures in the sample, ids in the summary."""

    what: str
    artifacts: bool = True
    sample: int = 8
    max_ids: int = 100


def upload(
    credentials: DatalakeCredentials | str,
    source: Any,
    arguments: Mapping[str, Any],
    visible: UploadDisplay,
    report: str | os.PathLike[str] | None = None,
    allow_failures: bool | None = False,
    limit: str | None = None,
    also: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Upload a source with arguments of `DatalakeHook.upload`, and return its summary.

    `allow_failures` accepts that some files fail, None that all do; `also` is told of the progress too.

    Raises:
        UploadError, NothingDoneError: some or all files failed.
        CancelledRun: the run was cancelled, or nobody waits for this work any more.
    """
    held_slot: AbstractContextManager[None] = hold_slot(limit) if limit else nullcontext()
    with load_credentials(credentials).get_client() as hook, held_slot:
        done = _upload(hook, source, arguments, visible, also)
        made = created_ids(done) if is_undoable() else []
        if _is_too_bad(done, allow_failures):
            _undo_at_once(hook, made)
            _conclude(hook, done, visible, report)
            raise _failure(done)
        record_change(credentials, made)
        summary = _conclude(hook, done, visible, report)
        if visible.artifacts:
            facts = {"counts": summary["counts"], "bytes": summary["bytes"]}
            assets.emit_materialization(
                hook, assets.Materialization.of(arguments.get("tags"), arguments.get("source"), source, facts)
            )
        return summary


def _is_too_bad(done: UploadReport, allow_failures: bool | None) -> bool:
    failed = done.failed_count
    if not failed or allow_failures is None:
        return False
    return not allow_failures or failed == len(done.files)


def _upload(
    hook: DatalakeHook,
    source: Any,
    arguments: Mapping[str, Any],
    visible: UploadDisplay,
    also: Callable[[Progress], None] | None,
) -> UploadReport:
    from datalake_ops.upload.progress import LogProgress

    log = LogProgress(run_logger().info)
    card = artifacts.UploadProgressArtifact(visible.what) if visible.artifacts else None
    # Prefect's signals reach the main thread of the flow's process only.
    watch = FlowRunMonitor.of_this_run(run_logger())

    def on_progress(progress: Progress) -> None:
        log(progress)
        if card is not None:
            card.take(progress)
        if also is not None:
            also(progress)
        _stop_if_cancelled(watch)

    try:
        done = hook.upload(source, **{"on_progress": on_progress, **arguments})
    except NoDataError:
        if card is not None:
            card.end("no file")
        raise
    except stop_signal.StopSignal as stop:
        if card is not None:
            card.end("stopped", 0.0)
        raise CancelledRun(
            f"{stop} What was uploaded until then stays; the same upload again sends the rest."
        ) from stop
    if card is not None:
        card.end(f"{len(done.files)} files, {done.failed_count} failed, {done.seconds:.1f} s")
    return done


def _stop_if_cancelled(watch: Callable[[], None] | None) -> None:
    stop_signal.raise_if_stopped()
    try:
        if watch is not None:
            watch()
    except CancelledRun as cancelled:
        # An upload goes on after an `Exception` of its callback.
        raise stop_signal.StopSignal(str(cancelled)) from cancelled


def _conclude(
    hook: DatalakeHook, done: UploadReport, visible: UploadDisplay, report: str | os.PathLike[str] | None
) -> dict[str, Any]:
    from datalake_ops.upload.reporting.export import within

    told = _told(done, visible.max_ids)
    summary = within(told, SUMMARY_BYTES)
    if report is not None:
        summary["report"] = save_report(done, report)
    _tell(done, hook.datalake_url())
    if visible.artifacts:
        artifacts.link(hook.datalake_url(), f"Lake {hook.context.datalake.name}")
        rows = artifacts.summary_rows(told)
        artifacts.table(artifacts.SUMMARY, rows, f"Upload of {visible.what}")
        show_sample(hook, summary["data_ids"], f"Some of {visible.what}", visible.sample)
    return summary


def _undo_at_once(hook: DatalakeHook, made: list[str]) -> None:
    # Prefect rolls back the tasks that succeeded, not the one that failed.
    if made:
        hook.delete_data(made)
        run_logger().warning("Rolled back: the %d data that this failed upload made were deleted.", len(made))


def _told(done: UploadReport, max_ids: int) -> dict[str, Any]:
    summary = done.summary(max_ids)
    return {**summary, "errors": [redact_error(error) for error in summary["errors"]]}


def _tell(done: UploadReport, link: str) -> None:
    from datalake_ops.upload.reporting.summary_text import upload_text

    logger = run_logger()
    for _, row in zip(range(_LOGGED), done.failures(), strict=False):
        logger.error("%s", named_error(**redact_error({"path": row.path, "error": str(row.error)})))
    logger.info("%s", upload_text(done, link))


def _failure(done: UploadReport) -> UploadError | NothingDoneError:
    from datalake_ops.upload.reporting.sdk_result import failure_text

    first, message = next(done.failures()), failure_text(done)
    for _, row in zip(range(_LOGGED), done.failures(), strict=False):
        message = redact_text(message, row.path)
    if done.failed_count == len(done.files):
        return NothingDoneError(message, [_unsigned(error) for error in done.errors])
    return UploadError(message, redact_address(first.path))


def _unsigned(error: UploadError) -> UploadError:
    """The same error, as the state of a run may keep it."""
    text = redact_text(str(error), error.path)
    if text == str(error):
        return error
    told = copy(error)
    told.args, told.path, told.__cause__ = (text, *error.args[1:]), redact_address(error.path), error.__cause__
    return told
