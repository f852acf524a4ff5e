"""Operators on data: upload files, list, tag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import BaseOperator
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.links import DatalakeLink
from airflow_provider.operators.selection import SelectionOperator
from datalake_ops.errors import NothingDoneError, UploadError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.upload.report import UploadReport

# Enough in a log or an error to see what is wrong; the summary names more, the saved report all.
_LOGGED = 20


class UploadDataOperator(BaseOperator):
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
        datalake_conn_id: The Airflow connection (templated).

    Raises:
        UploadError: Some files failed; all others are uploaded.
        NothingDoneError: Every file failed.
    """

    template_fields: Sequence[str] = (
        "filepaths", "tags", "source", "metadata", "custom_metadata", "upload_dir", "journal", "report",
        "datalake_conn_id",
    )  # fmt: skip
    template_fields_renderers = {"metadata": "json", "custom_metadata": "json"}
    operator_extra_links = (DatalakeLink(),)
    ui_color = "#e8f0d8"

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
        datalake_conn_id: str = DatalakeHook.default_conn_name,
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
        self.datalake_conn_id = datalake_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Upload, tell what became of each file, and sum up."""
        with DatalakeHook(self.datalake_conn_id) as hook:
            DatalakeLink().push(context, hook.datalake.datalake_url())
            done = self._upload(hook)
        summary = done.summary(self.max_ids)
        if self.report:
            summary["report"] = str(done.save(self.report))
        for row in done.failed[:_LOGGED]:
            self.log.error("%s: %s", row.path, row.error)
        self.log.info("Uploaded %s, %d bytes in %.1f s", done.counts(), done.bytes, done.seconds)
        self._check(done)
        return summary

    def _upload(self, hook: DatalakeHook) -> UploadReport:
        return hook.datalake.upload(
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


class ListDataOperator(SelectionOperator):
    """Lists data; returns `count`, `data_ids` (at most `max_ids`) and `data_ids_left_out`, each an XCom too.

    Args:
        ids: Data with one of these ids (templated); give one of `ids`, `filenames` and `object_names`.
        max_ids: How many ids the answer holds.
        datalake_conn_id: The Airflow connection (templated).
        kwargs: The other filters, see `SelectionOperator`.

    Raises:
        NoDataError: Nothing matches.
        InvalidQueryError: `q` is not query-language text.
    """

    template_fields: Sequence[str] = (*SelectionOperator.template_fields, "ids", "datalake_conn_id")
    operator_extra_links = (DatalakeLink(),)
    ui_color = "#e8f0d8"

    def __init__(
        self,
        *,
        ids: list[str] | None = None,
        max_ids: int = 1000,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.ids = ids
        self.max_ids = max_ids
        self.datalake_conn_id = datalake_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """List, and name as many as an XCom should hold."""
        with DatalakeHook(self.datalake_conn_id) as hook:
            DatalakeLink().push(context, hook.datalake.datalake_url())
            found = self.select(hook.datalake, ids=self.ids)
        self.log.info("%d data match", len(found))
        return {
            "count": len(found),
            "data_ids": found[: self.max_ids],
            "data_ids_left_out": max(0, len(found) - self.max_ids),
        }


class TagDataOperator(SelectionOperator):
    """Puts tags on data and takes others away; returns how many data it reached.

    Doing it twice changes nothing more. The data are given by `data_ids` or by filters.

    Args:
        add: Names of tags to put on; a missing tag is created (templated).
        remove: Names of tags to take away (templated).
        data_ids: Ids of the data (templated).
        datalake_conn_id: The Airflow connection (templated).
        kwargs: Filters, see `SelectionOperator`.

    Raises:
        NoDataError: No data match the filters.
        NotFoundError: A tag to take away does not exist.
    """

    template_fields: Sequence[str] = (
        *SelectionOperator.template_fields,
        "add",
        "remove",
        "data_ids",
        "datalake_conn_id",
    )
    operator_extra_links = (DatalakeLink(),)
    ui_color = "#e8f0d8"

    def __init__(
        self,
        *,
        add: str | list[str] | None = None,
        remove: str | list[str] | None = None,
        data_ids: str | list[str] | None = None,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.add = add
        self.remove = remove
        self.data_ids = data_ids
        self.datalake_conn_id = datalake_conn_id

    def execute(self, context: Context) -> int:
        """Find the data, then change their tags."""
        with DatalakeHook(self.datalake_conn_id) as hook:
            DatalakeLink().push(context, hook.datalake.datalake_url())
            ids = self.chosen(hook.datalake, self.data_ids)
            if self.add:
                hook.datalake.add_tags(ids, self.add)
            if self.remove:
                hook.datalake.remove_tags(ids, self.remove)
        self.log.info("%d data: added tags %s, removed tags %s", len(ids), self.add or [], self.remove or [])
        return len(ids)
