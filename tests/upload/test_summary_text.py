from __future__ import annotations

import pytest

from datalake_ops.upload.reporting.report import FileReport, FileStatus, UploadReport
from datalake_ops.upload.reporting.summary_text import upload_text

UPLOADED, SKIPPED, FAILED, UNPROCESSABLE, UNSUPPORTED = FileStatus


@pytest.mark.parametrize(
    ("statuses", "text"),
    [
        ([UPLOADED, UPLOADED, SKIPPED], "Uploaded 2 files (110.9 kB) in 0.4 s; 1 skipped, 0 failed."),
        ([UPLOADED, FAILED], "Uploaded 1 file (55.4 kB) in 0.4 s; 0 skipped, 1 failed."),
        ([UNPROCESSABLE], "Uploaded 0 files (0 bytes) in 0.4 s; 0 skipped, 0 failed, 1 unprocessable."),
        ([UPLOADED, UNSUPPORTED], "Uploaded 1 file (55.4 kB) in 0.4 s; 0 skipped, 0 failed, 1 left out."),
    ],
)
def test_an_upload_is_one_line_with_units(statuses: list[FileStatus], text: str) -> None:
    rows = tuple(FileReport("a", status, bytes=55_437 if status is UPLOADED else 0) for status in statuses)

    assert upload_text(UploadReport(rows, 0.42)) == text


def test_the_line_ends_with_the_address_of_the_lake() -> None:
    assert upload_text(UploadReport(()), "https://platform/lake").endswith(
        "; 0 skipped, 0 failed. https://platform/lake"
    )
