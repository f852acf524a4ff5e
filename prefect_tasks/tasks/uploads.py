"""Uploading files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect import task

from datalake_ops.errors import NothingDoneError, UploadError
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.identity import ONCE_PER_RUN
from prefect_tasks.retrying import RETRYING
from prefect_tasks.waiting import run_logger

if TYPE_CHECKING:
    from datalake_ops.upload.report import UploadReport

FilePath = str | os.PathLike[str]
# Enough in a log to see what is wrong; the summary names more, the saved report all.
_LOGGED = 20


@task(**RETRYING, **ONCE_PER_RUN)
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
) -> dict[str, Any]:
    """Upload files as data; a file that fails stops no other, and a retried flow run does not upload twice.

    Calls with the same arguments in one flow run happen once.

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
        max_ids: how many data and errors the summary names.

    Returns:
        The upload's summary: `counts` by status, `bytes`, `seconds`, at most `max_ids` each of `data_ids` and
        `errors`, and `report`, the path of the report, when one was asked for.

    Raises:
        UploadError: some files failed; all others are uploaded.
        NothingDoneError: every file failed.
    """
    from datalake_ops.upload.progress import LogProgress

    with load_credentials(credentials).get_client() as hook:
        done = hook.upload(
            filepaths,
            tags,
            source,
            max_workers=max_workers,
            metadata=metadata,
            custom_metadata=custom_metadata,
            sizes=sizes,
            fill_metadata=fill_metadata,
            upload_dir=upload_dir,
            wait=wait_for_unprocessable_data,
            on_progress=LogProgress(run_logger().info),
            if_exists=if_exists,
            journal=journal,
        )
    summary = done.summary(max_ids)
    if report is not None:
        summary["report"] = str(done.save(report))
    _tell(done)
    if done.failed and not (allow_failures and done.data):
        raise _failure(done)
    return summary


def _tell(done: UploadReport) -> None:
    logger = run_logger()
    for row in done.failed[:_LOGGED]:
        logger.error("%s: %s", row.path, row.error)
    logger.info("Uploaded %s, %d bytes in %.1f s", done.counts(), done.bytes, done.seconds)


def _failure(done: UploadReport) -> UploadError | NothingDoneError:
    from datalake_ops.upload.seed import failure_text

    message = failure_text(done)
    return UploadError(message, done.failed[0].path) if done.data else NothingDoneError(message, done.errors)
