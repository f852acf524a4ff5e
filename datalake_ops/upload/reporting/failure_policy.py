"""Failure policy of an upload: the number of failed files at which it raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datalake_ops.errors import ConfigurationError, IncompleteSourceError, IncompleteUploadError, NothingDoneError
from datalake_ops.upload.reporting.report import UploadReport
from datalake_ops.upload.reporting.sdk_result import failure_text
from datalake_ops.wire.model import Choice


class RaiseOn(Choice):
    """Failures that raise."""

    NEVER = "never"
    ANY = "any"
    ALL = "all"


def failed_files(summary: Mapping[str, Any]) -> int:
    """Return the number of failed files of a summary; one that was left out on purpose is none."""
    counts = summary["counts"]
    # Summaries of earlier releases have no UNSUPPORTED.
    fine = counts["UPLOADED"] + counts["SKIPPED"] + counts.get("UNSUPPORTED", 0)
    return int(summary["files"]) - int(fine)


@dataclass(frozen=True)
class FailurePolicy:
    """Failure policy by `raise_on`, or by `max_failed`, which wins: a number of files, or a share of them below 1.

    Raises:
        ConfigurationError: `raise_on` or `max_failed` has a value that it cannot have.
    """

    raise_on: RaiseOn | str = RaiseOn.NEVER
    max_failed: float | None = None

    def __post_init__(self) -> None:
        if self.raise_on not in tuple(RaiseOn):
            raise ConfigurationError(f"raise_on is never, any or all, got {self.raise_on!r}.")
        if self.max_failed is not None and not _is_limit(self.max_failed):
            raise ConfigurationError(
                f"max_failed is a number of files, or a share of them below 1 like 0.01, got {self.max_failed!r}."
            )

    def check(self, report: UploadReport) -> None:
        """Raise if too many files failed.

        A folder or a manifest that could not be read to its end exceeds any `max_failed`.

        Raises:
            NothingDoneError: every file failed.
            IncompleteUploadError: more failed than the policy allows. Both carry the report.
        """
        counts = report.counts()
        succeeded = counts["UPLOADED"] + counts["SKIPPED"]
        failed = len(report.files) - succeeded - counts["UNSUPPORTED"]
        if not self.refuses(failed, len(report.files)) and not self._is_incomplete(report):
            return
        if not succeeded:
            raise NothingDoneError(failure_text(report), report.errors, report)
        raise IncompleteUploadError(failure_text(report), report)

    def refuses(self, failed: int, files: int) -> bool:
        """Return True if `failed` of `files` files are too many."""
        if not failed:
            return False
        if self.raise_on == RaiseOn.ALL and failed == files:
            return True
        if self.max_failed is None:
            return self.raise_on == RaiseOn.ANY
        share = 0 < self.max_failed < 1
        return failed > (self.max_failed * files if share else self.max_failed)

    def _is_incomplete(self, report: UploadReport) -> bool:
        # A folder that could not be listed is one row, for an unknown number of files.
        return self.max_failed is not None and any(
            isinstance(error, IncompleteSourceError) for error in (row.error for row in report.failures())
        )


def _is_limit(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value < 1 or (value >= 1 and value == int(value))
