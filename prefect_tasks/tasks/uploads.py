"""Uploading files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.datalake_task import datalake_task
from prefect_tasks.runs.idempotency import ONCE_PER_CALL
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.rollback import delete_created
from prefect_tasks.runs.run_names import describe, run_name
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.uploads.upload import UploadDisplay, upload

FilePath = str | os.PathLike[str]
UPLOADING: dict[str, Any] = {
    **RETRYING,
    **ONCE_PER_CALL,
    "tags": ["datalake", "datalake-upload"],
    "task_run_name": run_name("upload_data", "filepaths", "tags"),
}


def _no_files(told: dict[str, Any]) -> dict[str, Any]:
    from datalake_ops.upload.reporting.report import UploadReport

    return UploadReport(()).summary()


@datalake_task(empty=_no_files, chooses=["filepaths"], **UPLOADING)
def upload_data(
    credentials: DatalakeCredentials | str,
    filepaths: FilePath | Sequence[FilePath],
    tags: str | list[str] | None = None,
    source: str | None = None,
    max_workers: int | None = None,
    metadata: dict[str, Any] | list[dict[str, Any] | None] | None = None,
    fill_metadata: bool | str = False,
    wait_for_unprocessable_data: bool = True,
    upload_dir: str | None = None,
    custom_metadata: dict[str, Any] | list[dict[str, Any] | None] | None = None,
    sizes: tuple[int, int] | list[tuple[int, int] | None] | None = None,
    if_exists: str = "skip",
    unsupported: str = "fail",
    journal: FilePath | None = None,
    report: FilePath | None = None,
    allow_failures: bool = False,
    max_ids: int = 100,
    artifacts: bool = True,
    sample: int = 8,
    limit: str | None = None,
    key: str | None = None,
    on_empty: OnEmpty = "skip",
) -> dict[str, Any]:
    """Upload files as data, and return a summary; a file that fails stops no other.

    Another call in the same flow run uploads again and skips the files that the lake has; a retry or resume of a call
    has its first result. Inside `with transaction()` a failure that follows deletes the data that this task uploaded,
    and no other.

    Args:
        credentials: a block, or the name of a saved one.
        filepaths: paths that the worker can read; a folder or a pattern (`*`, `?`, `**`) stands for the images and
            videos in it.
        tags: names of tags to put on every data; a missing tag is created.
        source: name of the source the files came from; created when missing.
        max_workers: number of files that travel at once.
        metadata, custom_metadata, sizes: one value for all files, or a list with one (or None) per file.
        fill_metadata: read EXIF into metadata; "full" reads place, true moment and camera too. Keys given in `metadata`
            win.
        wait_for_unprocessable_data: wait until the platform has read the files; those it cannot read count as failed.
        upload_dir: prefix of the object names, on storages of the organization's own.
        if_exists: what to do with a file whose name and content the lake has: "skip" it, so that a retry doubles
            nothing, "upload" it once more, or "error".
        unsupported: what to do with a file that the platform does not read: "fail" before it is sent, "skip" it, or
            "convert" it to JPEG or PNG.
        journal: a SQLite file or an fsspec URL for a record of each step, so that a run that was killed resumes.
        report: where to write one JSON line per file, on a storage that outlives the worker.
        allow_failures: succeed when some files failed; the summary names them.
        max_ids: most data and errors that the summary names; its JSON has at most 2,000 bytes in any case.
        artifacts: show progress, a link to the lake, a table of the files' results and a sample of them.
        sample: number of pictures that the sample shows; 0 makes none.
        limit: name of a concurrency limit to hold a slot of, see `ensure_limits`.
        key: makes calls with the same arguments and key in one flow run one upload.
        on_empty: answer to no files, also of folders and patterns: "skip", "succeed" (both give `files` 0) or "fail"
            (NoDataError).

    Returns:
        `counts` by status, `bytes`, `seconds`, some of the `data_ids` and `errors`, how many of them are left out, and
        `report`, the path of the report, when one was asked for.

    Raises:
        UploadError: some files failed; all others are uploaded.
        NothingDoneError: every file failed.
        ConfigurationError: an argument cannot be right, or there is no such limit; nothing was sent.
    """
    given = _upload_arguments(locals())
    display = UploadDisplay(
        describe(filepaths),
        bool(arguments.flag("artifacts", artifacts)),
        arguments.whole_number("sample", sample, at_least=0) or 0,
        arguments.whole_number("max_ids", max_ids, at_least=0) or 0,
    )
    target, slot = _address("report", report), arguments.text("limit", limit)
    allowed = arguments.flag("allow_failures", allow_failures)
    return upload(credentials, _paths(filepaths), given, display, target, bool(allowed), slot)


aupload_data = async_twin(upload_data, **UPLOADING)
for _task in (upload_data, aupload_data):
    _task.on_rollback(delete_created)


def _upload_arguments(told: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `DatalakeHook.upload`, checked, under its names."""
    return {
        "tags": arguments.texts("tags", told["tags"]),
        "source": arguments.name("source", told["source"]),
        "max_workers": arguments.whole_number("max_workers", told["max_workers"], at_least=1),
        "metadata": _one_or_each("metadata", told["metadata"]),
        "custom_metadata": _one_or_each("custom_metadata", told["custom_metadata"]),
        "sizes": _sizes(told["sizes"]),
        "fill_metadata": arguments.fill("fill_metadata", told["fill_metadata"]),
        "upload_dir": arguments.text("upload_dir", told["upload_dir"]),
        "wait": arguments.flag("wait_for_unprocessable_data", told["wait_for_unprocessable_data"]),
        "if_exists": arguments.choice("if_exists", told["if_exists"], ("skip", "upload", "error")),
        "unsupported": arguments.choice("unsupported", told["unsupported"], ("fail", "skip", "convert")),
        "journal": _address("journal", told["journal"]),
    }


def _address(field: str, value: Any) -> str | None:
    found = arguments.text(field, value)
    if found is not None and not found.strip():
        raise arguments.refusal(field, value, "write the path or URL of a file, or leave it out.")
    return found


def _one_or_each(field: str, value: Any) -> Any:
    """Return metadata for all files, or a list with one mapping (or None) per file."""
    if isinstance(value, (list, tuple)):
        return [arguments.mapping(field, one) for one in value]
    return arguments.mapping(field, value)


def _sizes(value: Any) -> Any:
    """Return a pair of width and height, or a list with one pair (or None) per file."""
    if value is not None and not isinstance(value, (list, tuple)):
        raise arguments.refusal("sizes", value, "write (width, height), or a list with one of these per file.")
    return value


def _paths(filepaths: Any) -> Any:
    """Return paths, lists in lists (of mapped tasks) opened; other sources of `DatalakeHook.upload` as they are."""
    if isinstance(filepaths, (int, float, dict)):
        return arguments.text("filepaths", filepaths)
    if isinstance(filepaths, str):
        found = arguments.texts("filepaths", filepaths) or []
        return found[0] if len(found) == 1 else found
    if not isinstance(filepaths, (list, tuple)):
        return filepaths
    if any(isinstance(one, (list, tuple, int)) or one is None for one in filepaths):
        return arguments.texts("filepaths", [one for one in filepaths if one is not None])
    return list(filepaths)
