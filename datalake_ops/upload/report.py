"""Earlier path of `reporting.report`, which pickles of reports name."""

from datalake_ops.upload.reporting.report import FailedRows, FileReport, FileStatus, Totals, UploadReport  # noqa: F401
