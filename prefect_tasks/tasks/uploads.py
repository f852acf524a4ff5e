"""Uploading files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from prefect import task

from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.idempotency import ONCE_PER_RUN
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.rollback import delete_created
from prefect_tasks.runs.run_names import describe, run_name
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.uploads.upload import UploadDisplay, upload

FilePath = str | os.PathLike[str]
UPLOADING: dict[str, Any] = {
    **RETRYING,
    **ONCE_PER_RUN,
    "tags": ["datalake", "datalake-upload"],
    "task_run_name": run_name("upload_data", "filepaths", "tags"),
}


@task(**UPLOADING)
def upload_data(
    credentials: DatalakeCredentials | str,
    filepaths: FilePath | Sequence[FilePath],
    tags: str | list[str] | None = None,
    source: str | None = None,
    max_workers: int | None = None,
    metadata: dict[str, Any] | list[dict[str, Any] | None] | None = None,
    fill_metadata: bool = False,
    wait_for_unprocessable_data: bool = True,
    upload_dir: str | None = None,
    custom_metadata: dict[str, Any] | list[dict[str, Any] | None] | None = None,
    sizes: tuple[int, int] | list[tuple[int, int] | None] | None = None,
    if_exists: str = "skip",
    journal: FilePath | None = None,
    report: FilePath | None = None,
    allow_failures: bool = False,
    max_ids: int = 100,
    artifacts: bool = True,
    sample: int = 8,
    limit: str | None = None,
) -> dict[str, Any]:
    """Upload files as data; a file that fails stops no other, and a retried flow run does not upload twice.

    Calls with the same arguments in one flow run happen once. Inside `with transaction()` a failure that follows
    deletes the data that this task uploaded, and no other.

    Args:
        credentials: a block, or the name of a saved one.
        filepaths: paths that the worker can read; a folder or a pattern (`*`, `?`, `**`) stands for the images and
            videos in it.
        tags: names of tags to put on every data; a missing tag is created.
        source: name of the source the files came from; created when missing.
        max_workers: how many files travel at once.
        metadata, custom_metadata, sizes: one value for all files, or a list with one (or None) per file.
        fill_metadata: read EXIF into metadata; keys given in `metadata` win.
        wait_for_unprocessable_data: wait until the platform has read the files; those it cannot read count as failed.
        upload_dir: prefix of the object names, on storages of the organization's own.
        if_exists: what to do with a file whose name and content the lake has: "skip" it, so that a retry doubles
            nothing, "upload" it once more, or "error".
        journal: a SQLite file or an fsspec URL to write each step down, so that a run that was killed resumes.
        report: where to write one JSON line per file, on a storage that outlives the worker.
        allow_failures: succeed when some files failed; the summary names them.
        max_ids: how many data and errors the summary names at most; its JSON has at most 2,000 bytes in any case.
        artifacts: show progress, a link to the lake, a table of what became of the files and a sample of them.
        sample: how many pictures the sample shows; 0 makes none.
        limit: name of a concurrency limit to hold a slot of, see `ensure_limits`.

    Returns:
        The upload's summary: `counts` by status, `bytes`, `seconds`, some of the `data_ids` and `errors`, how many of
        them are left out, and `report`, the path of the report, when one was asked for.

    Raises:
        UploadError: some files failed; all others are uploaded.
        NothingDoneError: every file failed.
        ConfigurationError: an argument cannot be right, or there is no such limit; nothing was sent.
    """
    # Named as `DatalakeHook.upload` names them.
    arguments: dict[str, Any] = {
        "tags": tags,
        "source": source,
        "max_workers": max_workers,
        "metadata": metadata,
        "custom_metadata": custom_metadata,
        "sizes": sizes,
        "fill_metadata": fill_metadata,
        "upload_dir": upload_dir,
        "wait": wait_for_unprocessable_data,
        "if_exists": if_exists,
        "journal": journal,
    }
    visible = UploadDisplay(describe(filepaths), artifacts, sample, max_ids)
    return upload(credentials, filepaths, arguments, visible, report, allow_failures, limit)


aupload_data = async_twin(upload_data.fn, **UPLOADING)
for _task in (upload_data, aupload_data):
    _task.on_rollback(delete_created)
