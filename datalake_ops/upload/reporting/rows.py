"""Rows of the report, made from a file's data or error."""

from __future__ import annotations

from dataclasses import replace

from datalake_ops.arguments.texts import printable
from datalake_ops.errors import UnprocessableDataError, UnsupportedFileError, UploadError
from datalake_ops.upload.reporting.report import FileReport, FileStatus
from datalake_ops.upload.sources.entry import EntryManifest
from datalake_ops.wire.data import Data, UploadStatus


def failed_row(path: str, error: Exception) -> FileReport:
    """Return the row of a file that is not in the lake, with the reason as an `UploadError` of its path."""
    if isinstance(error, UnprocessableDataError):
        # Known from an earlier upload, and not sent again.
        return FileReport(path, FileStatus.UNPROCESSABLE, error.data, error=error)
    return FileReport(path, FileStatus.FAILED, error=as_upload_error(error, path))


def of_manifest(row: FileReport, manifest: EntryManifest | None) -> FileReport:
    """Return the row of a file that a manifest names, if one does."""
    return row if manifest is None else replace(row, manifest=manifest)


def unsupported_row(path: str, error: UnsupportedFileError) -> FileReport:
    """Return the row of a file that is left out, because the platform does not read its type."""
    return FileReport(path, FileStatus.UNSUPPORTED, error=error)


def as_upload_error(error: Exception, path: str) -> UploadError:
    """Return the error itself when it has a path, else an `UploadError` with the path, whose cause is the error."""
    if isinstance(error, UploadError):
        return error
    upload_error = UploadError(f"{path} could not be uploaded: {error}", path)
    upload_error.__cause__ = error
    return upload_error


def named_error(path: str, error: object) -> str:
    """Return the text of a row's error with its path, with which most texts begin already, as one line of a log."""
    text = str(error)
    return printable(text if text.startswith(path) else f"{path}: {text}")


def with_data(row: FileReport, data: Data) -> FileReport:
    """Return the row with its data; a data that the platform cannot read makes the row UNPROCESSABLE."""
    if data.upload_status is not UploadStatus.ERROR:
        return replace(row, data=data)
    reason = data.error_reason.rstrip(".") if data.error_reason else "as an image or a video"
    separator = ": " if data.error_reason else " "
    error = UnprocessableDataError(
        f"{row.path} was stored as data {data.id}, but the platform cannot read it{separator}{reason}. "
        "Delete that data, repair the file, then upload it again.",
        row.path,
        data,
    )
    return replace(row, status=FileStatus.UNPROCESSABLE, data=data, error=error)
