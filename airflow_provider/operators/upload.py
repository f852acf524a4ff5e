"""The operator that uploads files."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider.handoff.id_files import write_ids
from airflow_provider.handoff.storage import Storage, refuse_options
from airflow_provider.handoff.xcoms import bounded
from airflow_provider.lineage.record import LineageRecord, as_names, upload_facts
from airflow_provider.operators.abstract.asset_events import LineageOperator
from airflow_provider.operators.abstract.datalake import DatalakeOperator
from airflow_provider.operators.abstract.fields import (
    ADDRESS,
    CHOSEN_TEXT,
    CHOSEN_TEXTS,
    FILL,
    FLAG,
    NAME,
    NUMBER,
    TEXT,
    TEXTS,
    Field,
    mapping_or_list,
    option,
    sources,
    whole,
)
from airflow_provider.operators.abstract.manifests import manifest_of
from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError, NoDataError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.lineage import LakeUri
    from datalake_ops.upload.reporting.report import UploadReport

# Enough in a log or an error to see what is wrong; the summary names more, the saved report all.
_LOGGED = 20
# What an id takes in JSON, at least.
_ID_BYTES = 36
# Arguments of `DatalakeHook.upload` that this operator hands on as they are.
_HANDED_ON = (
    "tags", "source", "max_workers", "metadata", "custom_metadata", "sizes", "fill_metadata", "upload_dir",
    "if_exists", "content_key", "journal", "include", "exclude", "unsupported",
)  # fmt: skip


class UploadDataOperator(LineageOperator, DatalakeOperator):
    """Uploads files as data; a file that fails stops no other. Returns a summary of at most `max_bytes` bytes.

    The summary holds `files`, `counts` by status, `bytes`, `seconds`, the first `errors`, and `data_ids`: all of them,
    or an empty list and `data_ids_left_out` when they do not fit. For what comes after many files, ask for them as a
    file with `ids_to`, and hand on its address. Each part is an XCom of its own: `upload.output["data_ids_file"]`. When
    the task fails, the summary is its XCom `summary`.

    Example:
        >>> upload = UploadDataOperator(
        ...     task_id="upload",
        ...     filepaths="/data/{{ ds }}",
        ...     tags=["line-3"],
        ...     max_failed=0.01,
        ...     ids_to="/data/ids/{{ ds }}.txt",
        ... )

    Args:
        filepaths: One source or many: paths that the worker can read, folders, patterns, fsspec URLs,
            `ObjectStoragePath`s, `Manifest`s, shards (templated).
        shard: Instead of `filepaths`: one shard of a `PlanShardsOperator`, to map over (templated).
        manifest: Instead of `filepaths`: the address of a manifest with a row per file: JSONL, CSV or Parquet
            (templated).
        manifest_base: Where the manifest's relative paths begin, when that is not its own folder (templated).
        manifest_allow: Folders and addresses that the manifest's rows may reach besides its base. A manifest whose
            address comes from the run (`params`, an XCom, a mapped argument), or that is read from an address, reaches
            nothing else (not templated).
        include, exclude: Patterns that choose the files of folders and patterns; an empty `include` chooses none
            (templated).
        storage_conn_id: The Airflow connection whose credentials open the addresses (templated).
        tags: Names of tags to put on every data; a missing tag is created (templated).
        source: Name of the source that the files came from; created when missing (templated).
        max_workers: How many files travel at once; the connection's default without it (templated).
        metadata, custom_metadata: One mapping for all files, or a list with one (or None) per file (templated).
        sizes: Width and height for all files, or a list with a pair (or None) per file (not templated).
        fill_metadata: Read EXIF into metadata; "full" reads place, true moment and camera too. Keys given in `metadata`
            win (templated).
        wait_for_unprocessable_data: Wait until the platform has read the files; those it cannot read count as failed
            (templated).
        upload_dir: Prefix of the object names, on storages of the organization's own (templated).
        if_exists: What to do with a file whose name and content the lake has: "skip" it, so that a retry doubles
            nothing, "upload" it once more, or "error" (templated).
        unsupported: What to do with a file that the platform does not read: "fail" before it is sent, "skip" it, or
            "convert" it to JPEG or PNG (templated).
        content_key: Key of custom metadata that keeps the content's SHA-256, by which files are compared (templated).
        journal: A SQLite file or an fsspec URL to write each step down, so that a killed try resumes (templated).
        raise_on: Which failures fail the task, when everything that can be uploaded is: "any", "all" or "never"
            (templated).
        max_failed: How many files may fail, which wins over `raise_on`: a number, or a share below 1 like 0.01
            (templated).
        report: Where to write a row per file, on a storage that outlives the worker: JSON lines, or Parquet by the
            name (templated).
        ids_to: Where to write the ids of all data, one a line (templated).
        max_bytes: How long the summary's JSON may be (templated).
        kwargs: `datalake_conn_id`, see `DatalakeOperator`; lineage, see `LineageOperator`.

    Raises:
        ConfigurationError: Not one of `filepaths`, `shard` and `manifest` was given, an argument cannot be right, or
            `storage_options` were given.
        NoDataError: There is no file: `filepaths`, `shard` or `manifest` came out empty, or the folders, patterns and
            manifests are; see `on_empty`.
        IncompleteUploadError: More files failed than may; all others are uploaded.
        NothingDoneError: Every file failed.
    """

    argument_fields = {
        "filepaths": Field(sources, empty=[], is_text=True),
        "shard": Field(arguments.mapping, empty={}, is_json=True),
        "manifest": CHOSEN_TEXT,
        "manifest_base": TEXT,
        "include": CHOSEN_TEXTS,
        "exclude": TEXTS,
        "storage_conn_id": TEXT,
        "tags": TEXTS,
        "source": NAME,
        "max_workers": whole(1),
        "metadata": Field(mapping_or_list, is_json=True),
        "custom_metadata": Field(mapping_or_list, is_json=True),
        "fill_metadata": FILL,
        "wait_for_unprocessable_data": FLAG,
        "upload_dir": TEXT,
        "if_exists": option("skip", "upload", "error"),
        "unsupported": option("fail", "skip", "convert"),
        "content_key": TEXT,
        "journal": ADDRESS,
        "raise_on": option("any", "all", "never"),
        "max_failed": NUMBER,
        "report": ADDRESS,
        "ids_to": ADDRESS,
        "max_bytes": whole(0),
    }

    def __init__(
        self,
        *,
        filepaths: Any = None,
        shard: dict[str, Any] | str | None = None,
        manifest: str | None = None,
        manifest_base: str | None = None,
        manifest_allow: str | list[str] | None = None,
        include: str | list[str] | None = None,
        exclude: str | list[str] | None = None,
        storage_conn_id: str | None = None,
        tags: str | list[str] | None = None,
        source: str | None = None,
        max_workers: int | str | None = None,
        metadata: dict[str, Any] | list[dict[str, Any] | None] | None = None,
        fill_metadata: bool | str = False,
        wait_for_unprocessable_data: bool | str = True,
        upload_dir: str | None = None,
        custom_metadata: dict[str, Any] | list[dict[str, Any] | None] | None = None,
        sizes: tuple[int, int] | list[tuple[int, int] | None] | None = None,
        if_exists: str = "skip",
        unsupported: str = "fail",
        content_key: str = "content_sha256",
        journal: str | None = None,
        raise_on: str = "any",
        max_failed: float | str | None = None,
        report: Any = None,
        ids_to: Any = None,
        max_bytes: int | str = 2000,
        **kwargs: Any,
    ) -> None:
        refuse_options(kwargs)
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.filepaths = filepaths
        self.shard: Any = shard
        self.manifest = manifest
        self.manifest_base = manifest_base
        self.manifest_allow = manifest_allow
        self.include = include
        self.exclude = exclude
        self.storage_conn_id = storage_conn_id
        self.tags = tags
        self.source = source
        self.max_workers: Any = max_workers
        self.metadata = metadata
        self.fill_metadata: Any = fill_metadata
        self.wait_for_unprocessable_data: Any = wait_for_unprocessable_data
        self.upload_dir = upload_dir
        self.custom_metadata = custom_metadata
        self.sizes = sizes
        self.if_exists = if_exists
        self.unsupported = unsupported
        self.content_key = content_key
        self.journal = journal
        self.raise_on = raise_on
        self.max_failed: Any = max_failed
        self.report = report
        self.ids_to = ids_to
        self.max_bytes: Any = max_bytes

    def empty_result(self) -> dict[str, Any]:
        """The summary of no files."""
        from datalake_ops.upload.sharding import merge_summaries

        return dict(merge_summaries([]))

    def work(self, context: Context) -> dict[str, Any]:
        """Upload, log every failure, and return the summary."""
        from datalake_ops.upload.reporting.failure_policy import FailurePolicy
        from datalake_ops.upload.reporting.rows import named_error
        from datalake_ops.upload.reporting.summary_text import upload_text

        tolerance = FailurePolicy(self.raise_on, self.max_failed)
        with self.lake(context) as lake:
            done, uri, link = self._upload(lake), lake.lake_uri(), lake.datalake_url()
        summary = self._summary(done)
        for row in islice(done.failures(), _LOGGED):
            self.log.error("%s", named_error(row.path, row.error))
        self.log.info("%s", upload_text(done, link))
        self.record_lineage(context, self._outcome(uri, done, summary))
        try:
            tolerance.check(done)
        except Exception:
            # What a task returns is lost when it fails.
            context["ti"].xcom_push(key="summary", value=summary)
            raise
        return summary

    def _outcome(self, uri: LakeUri, done: UploadReport, summary: dict[str, Any]) -> LineageRecord:
        places = as_names(self.manifest or self.filepaths)
        written = len(done.files) - done.failed_count
        return LineageRecord(uri, as_names(self.tags), self.source, written, places, upload_facts(summary))

    def _upload(self, lake: SharedHook) -> UploadReport:
        source = self._source()
        given = {name: getattr(self, name) for name in _HANDED_ON}
        return lake.upload(
            source,
            wait=self.wait_for_unprocessable_data,
            storage_options=self._storage.options_for(source),
            **{name: value for name, value in given.items() if value is not None},
        )

    @property
    def _storage(self) -> Storage:
        # A shard names the connection that its plan was made with.
        return Storage(self.storage_conn_id or (self.shard or {}).get("storage_conn_id"))

    def _source(self) -> Any:
        given = {"filepaths": self.filepaths, "shard": self.shard, "manifest": self.manifest}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise ConfigurationError(f"Give one of {', '.join(given)}; this task has {named or 'none'}.")
        if given[named[0]] in ([], {}, ""):
            raise NoDataError(f"`{named[0]}` is empty: there is nothing to upload.")
        if self.manifest is None:
            return given[named[0]]
        return manifest_of(self)

    def _summary(self, done: UploadReport) -> dict[str, Any]:
        storage = self._storage
        files: dict[str, Any] = {}
        if self.report:
            with storage.writing(self.report) as draft:
                done.save(draft)
            files["report"] = str(self.report)
        if self.ids_to:
            ids = (str(row.data.id) for row in done.files if row.data is not None and row.status.succeeded)
            files["data_ids_file"] = write_ids(self.ids_to, ids, storage)
        told = done.summary(max_ids=self.max_bytes // _ID_BYTES)
        return {**bounded(told, self.max_bytes - len(json.dumps(files))), **files}
