"""Settlement of a file that the lake has already: its row by `if_exists`, and its missing tags."""

from __future__ import annotations

from datalake_ops.errors import UploadError
from datalake_ops.upload.dedup.file_history import ExistingFile
from datalake_ops.upload.dedup.file_tracker import SharedChecks
from datalake_ops.upload.dedup.lake_index import ContentKey
from datalake_ops.upload.options import IfExists
from datalake_ops.upload.prepare import PreparedFile
from datalake_ops.upload.reporting.report import FileReport, FileStatus
from datalake_ops.upload.reporting.rows import failed_row, with_data
from datalake_ops.upload.sources.entry import Entry


def settle(entry: Entry, file: ExistingFile, if_exists: IfExists | str, checks: SharedChecks) -> FileReport:
    """Return the row of a file that the lake has: FAILED by `if_exists="error"`, else SKIPPED, with its tags queued.

    A file that an earlier run of the same journal sent is SKIPPED in any case.
    """
    if if_exists == IfExists.ERROR and not file.ours:
        text = f"{entry.path} is in the lake already, as data {file.data.id} of the same name and content."
        return failed_row(entry.path, UploadError(text, entry.path))
    checks.tags.add(entry, file.data, file.tags)
    if file.duplicates and checks.duplicates is not None:
        checks.duplicates.duplicates[entry.index] = file.duplicates
    return with_data(FileReport(entry.path, FileStatus.SKIPPED), file.data)


def content_metadata(file: PreparedFile, digest: str, key: ContentKey | None, journaled: bool) -> dict[str, str] | None:
    """Return the content key to add to a file's custom metadata; None where it cannot be added and a journal has it.

    Raises:
        UploadError: the caller's own value contradicts it, or the schema requires other keys and there is no journal.
    """
    if key is None:
        return None
    path, given = file.entry.path, file.draft.custom_metadata or {}
    if given.get(key.name, digest) != digest:
        raise UploadError(f"custom_metadata of {path} has a {key.name!r} of its own; choose another content_key.", path)
    missing = key.missing(given)
    if not missing:
        return {key.name: digest}
    if not journaled:
        raise UploadError(
            f"{path} cannot be marked with its content, because the lake's schema requires custom_metadata."
            f"{missing[0]} beside it; give that key, or a journal=.",
            path,
        )
    return None
