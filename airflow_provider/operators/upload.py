"""The operator that uploads files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider.operators.datalake import DatalakeOperator
from datalake_ops.errors import NothingDoneError, UploadError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.upload.report import UploadReport

# Enough in a log or an error to see what is wrong; the summary names more, the saved report all.
_LOGGED = 20


class UploadDataOperator(DatalakeOperator):
    """Uploads files as data; a file that fails stops no other. Returns a small summary.

    The summary holds `counts` by status, `bytes`, `seconds`, at most `max_ids` each of `data_ids` and `errors`, and
    `report`, the path of the report with one JSON line per file, when one was asked for. Each of these is an XCom too:
    `upload.output["data_ids"]`.

    Args:
        filepaths: Paths that the worker can read; a folder or a pattern (`*`, `?`, `**`) stands for the images and
            videos in it (templated).
        tags: Names of tags to put on every data; a missing tag is created (templated).
        source: Name of the source that the files came from; created when missing (templated).
        max_workers: How many files travel at once.
        metadata, custom_metadata, sizes: One value for all files, or a list with one (or None) per file (the first
            two templated).
        fill_metadata: Read EXIF into metadata; keys given in `metadata` win.
        wait_for_unprocessable_data: Wait until the platform has read the files; those it cannot read count as failed.
        upload_dir: Prefix of the object names, on storages of the organization's own (templated).
        if_exists: What to do with a file whose name and content the lake has: "skip" it, so that a retry doubles
            nothing, "upload" it once more, or "error".
        journal: A SQLite file or an fsspec URL to write each step down, so that a killed try resumes (templated).
        report: Where to write the report of every file, on a storage that outlives the worker (templated).
        allow_failures: Succeed when some files failed; the summary names them.
        max_ids: How many data and errors the summary names.
        kwargs: `datalake_conn_id`, see `DatalakeOperator`.

    Raises:
        UploadError: Some files failed; all others are uploaded.
        NothingDoneError: Every file failed.
    """

    template_fields: Sequence[str] = (
        "filepaths", "tags", "source", "metadata", "custom_metadata", "upload_dir", "journal", "report",
        "datalake_conn_id",
    )  # fmt: skip
    template_fields_renderers = {"metadata": "json", "custom_metadata": "json"}

    def __init__(
        self,
        *,
        filepaths: str | list[str],
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
        journal: str | None = None,
        report: str | None = None,
        allow_failures: bool = False,
        max_ids: int = 100,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.filepaths = filepaths
        self.tags = tags
        self.source = source
        self.max_workers = max_workers
        self.metadata = metadata
        self.fill_metadata = fill_metadata
        self.wait_for_unprocessable_data = wait_for_unprocessable_data
        self.upload_dir = upload_dir
        self.custom_metadata = custom_metadata
        self.sizes = sizes
        self.if_exists = if_exists
        self.journal = journal
        self.report = report
        self.allow_failures = allow_failures
        self.max_ids = max_ids

    def execute(self, context: Context) -> dict[str, Any]:
        """Upload, tell what became of each file, and sum up."""
        with self.lake(context) as lake:
            done = self._upload(lake)
        summary = done.summary(self.max_ids)
        if self.report:
            summary["report"] = str(done.save(self.report))
        for row in done.failed[:_LOGGED]:
            self.log.error("%s: %s", row.path, row.error)
        self.log.info("Uploaded %s, %d bytes in %.1f s", done.counts(), done.bytes, done.seconds)
        self._check(done)
        return summary

    def _upload(self, lake: SharedHook) -> UploadReport:
        return lake.upload(
            self.filepaths,
            self.tags,
            self.source,
            max_workers=self.max_workers,
            metadata=self.metadata,
            custom_metadata=self.custom_metadata,
            sizes=self.sizes,
            fill_metadata=self.fill_metadata,
            upload_dir=self.upload_dir,
            wait=self.wait_for_unprocessable_data,
            if_exists=self.if_exists,
            journal=self.journal,
        )

    def _check(self, done: UploadReport) -> None:
        from datalake_ops.upload.seed import failure_text

        if not done.failed or (self.allow_failures and done.data):
            return
        if not done.data:
            raise NothingDoneError(failure_text(done), done.errors)
        raise UploadError(failure_text(done), done.failed[0].path)
