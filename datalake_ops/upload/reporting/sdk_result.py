"""Result of an upload in the form of the official SDK's `upload_data`."""

from __future__ import annotations

import logging
from itertools import islice

from datalake_ops.errors import ErrorManager, NothingDoneError
from datalake_ops.upload.reporting.report import UploadReport
from datalake_ops.wire.data import Data, MultiData
from datalake_ops.wire.log_lines import one_line

logger = logging.getLogger(__name__)
_NAMED = 5


def sdk_result(report: UploadReport, error_manager: ErrorManager | None = None) -> Data | MultiData:
    """Return the uploaded data in input order: a Data when there is one, else a MultiData.

    Every failed path goes to the error manager, with its full path; a partial failure is logged and does not raise.

    Raises:
        NothingDoneError: no file was uploaded; it carries the errors and the report.
    """
    errors = report.errors
    if error_manager is not None:
        for error in errors:
            error_manager.append_error(error)
    data = report.data
    if not data:
        raise NothingDoneError(_nothing_done(report), errors, report)
    if errors:
        logger.error("%s", one_line(failure_text(report)))
    return data[0] if len(data) == 1 else data


def failure_text(report: UploadReport) -> str:
    """Return one line on the files that failed: their number, and the first few with their reasons."""
    count = report.failed_count
    named = "; ".join(str(row.error) for row in islice(report.failures(), _NAMED))
    more = f"; and {count - _NAMED} more" if count > _NAMED else ""
    return f"{count} of {len(report.files)} files were not uploaded: {named}{more}"


def _nothing_done(report: UploadReport) -> str:
    return failure_text(report) if report.files else "No path was given, so nothing was uploaded."
