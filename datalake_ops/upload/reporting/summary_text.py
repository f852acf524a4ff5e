"""One line on an upload, for logs and terminals."""

from __future__ import annotations

from collections.abc import Mapping

from datalake_ops.upload.reporting.report import FileStatus, UploadReport


def upload_text(report: UploadReport, link: str | None = None) -> str:
    """Return one line on an upload: `Uploaded 2 files (110.9 kB) in 0.4 s; 1 skipped, 0 failed. <link>`."""
    return counts_text(report.counts(), report.bytes, report.seconds, link)


def counts_text(counts: Mapping[str, int], stored_bytes: int, seconds: float, link: str | None = None) -> str:
    """Return the line on an upload with these counts by status; `link` is the address of the lake."""
    from rich.filesize import decimal

    uploaded = counts[FileStatus.UPLOADED]
    files = "1 file" if uploaded == 1 else f"{uploaded} files"
    text = f"Uploaded {files} ({decimal(stored_bytes)}) in {seconds:.1f} s; "
    text += f"{counts[FileStatus.SKIPPED]} skipped, {counts[FileStatus.FAILED]} failed"
    if unprocessable := counts[FileStatus.UNPROCESSABLE]:
        text += f", {unprocessable} unprocessable"
    # Summaries of earlier releases do not count these.
    if unsupported := counts.get(FileStatus.UNSUPPORTED):
        text += f", {unsupported} left out"
    return f"{text}. {link}" if link else f"{text}."
