"""Uploading again what an upload's report names as failed, and only that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import NoDataError, NothingDoneError, UploadError
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.datalake_task import datalake_task
from prefect_tasks.runs.idempotency import EACH_TIME
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.rollback import delete_created
from prefect_tasks.runs.run_names import redact_address, shorten
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.uploads.reports import Reports
from prefect_tasks.uploads.upload import SUMMARY_BYTES, UploadDisplay, upload


def _run_name(parameters: dict[str, Any]) -> str:
    report = parameters["report"]
    if isinstance(report, Mapping):
        report = report.get("checkpoints") or report.get("report")
    return f"retry_failed_files {shorten(report)}"


RETRYING_FILES: dict[str, Any] = {
    **RETRYING,
    **EACH_TIME,
    "tags": ["datalake", "datalake-upload"],
    "task_run_name": _run_name,
}


def _no_files(told: dict[str, Any]) -> dict[str, Any]:
    return _merged([])


@datalake_task(empty=_no_files, chooses=["report"], **RETRYING_FILES)
def retry_failed_files(
    credentials: DatalakeCredentials | str,
    report: str | dict[str, Any],
    tags: str | list[str] | None = None,
    source: str | None = None,
    metadata: dict[str, Any] | None = None,
    custom_metadata: dict[str, Any] | None = None,
    fill_metadata: bool | str = False,
    max_workers: int | None = None,
    allow_failures: bool = False,
    artifacts: bool = True,
    unsupported: str | None = None,
    on_empty: OnEmpty = "skip",
) -> dict[str, Any]:
    """Upload again the files that a report names as failed, and write their results beside it.

    The next call retries only what failed again. A report without failures sends nothing.

    Args:
        credentials: a block, or the name of a saved one.
        report: the path or fsspec URL of a report of JSON lines, as `upload_data(report=...)` writes it; the folder of
            checkpoints of `ingest_folder`, which also knows the arguments of that upload; or the summary of either.
        tags, source, metadata, custom_metadata, fill_metadata, max_workers, unsupported: as in `upload_data`; those of
            the first upload where its checkpoints tell them and they are not given here.
        allow_failures: succeed when some files fail again.
        artifacts: show progress, a link to the lake, a table and a sample.
        on_empty: answer when no file had failed: "skip", "succeed" (both give `files` 0) or "fail" (NoDataError).

    Returns:
        The summary of this upload, with `report`, the address of its rows; `files` is 0 when nothing had failed.

    Raises:
        ConfigurationError: there is no such report, or it is none.
        UploadError, NothingDoneError: some or all files failed again.
    """
    from datalake_ops.upload.reporting.failure_policy import failed_files

    reports = Reports.of(report)
    given = {
        "tags": arguments.texts("tags", tags),
        "source": arguments.name("source", source),
        "metadata": arguments.mapping("metadata", metadata),
        "custom_metadata": arguments.mapping("custom_metadata", custom_metadata),
        "fill_metadata": arguments.fill("fill_metadata", fill_metadata) or None,
        "max_workers": arguments.whole_number("max_workers", max_workers, at_least=1),
        "unsupported": arguments.choice("unsupported", unsupported, ("fail", "skip", "convert")),
    }
    shown, allowed = arguments.flag("artifacts", artifacts), arguments.flag("allow_failures", allow_failures)
    summaries = _upload_again(credentials, reports, given, bool(shown))
    if not summaries:
        raise NoDataError(f"No file of {reports.name} failed: there is nothing to do.")
    merged = _merged(summaries)
    failed = failed_files(merged)
    if failed and not (allowed and failed < merged["files"]):
        raise _failure(merged, failed)
    return merged


aretry_failed_files = async_twin(retry_failed_files, **RETRYING_FILES)
for _task in (retry_failed_files, aretry_failed_files):
    _task.on_rollback(delete_created)


def _upload_again(
    credentials: DatalakeCredentials | str, reports: Reports, given: dict[str, Any], artifacts: bool
) -> list[dict[str, Any]]:
    options = {"if_exists": "skip", **reports.arguments}
    options |= {name: value for name, value in given.items() if value is not None}
    # A source that fails must not keep the others from being tried.
    return [
        upload(credentials, source, options, UploadDisplay(f"{what} of {reports.name}", artifacts), target, None)
        for what, source, target in reports.to_retry()
    ]


def _failure(merged: dict[str, Any], failed: int) -> UploadError | NothingDoneError:
    first = merged["errors"][0] if merged["errors"] else {"path": "", "error": "see the report"}
    rows = redact_address(merged["report"])
    message = f"{failed} of {merged['files']} files failed again. {first['error']} All rows are in {rows}"
    return NothingDoneError(message) if failed == merged["files"] else UploadError(message, first["path"])


def _merged(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    from datalake_ops.upload.reporting.export import within
    from datalake_ops.upload.sharding import merge_summaries

    told = {"report": summaries[-1]["report"]} if summaries else {}
    return {**within(merge_summaries(summaries), SUMMARY_BYTES - len(json.dumps(told))), **told}
