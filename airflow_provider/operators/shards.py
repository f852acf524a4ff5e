"""Operators that spread an upload over mapped tasks: plan the parts, join what they report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import conf
from airflow_provider.handoff.id_files import read_ids, write_ids
from airflow_provider.handoff.storage import Storage, refuse_options, travelling
from airflow_provider.handoff.xcoms import bounded
from airflow_provider.operators.abstract.fields import (
    ADDRESS,
    CHOSEN_TEXT,
    CHOSEN_TEXTS,
    NUMBER,
    TEXT,
    TEXTS,
    Field,
    mappings,
    sources,
    whole,
)
from airflow_provider.operators.abstract.manifests import manifest_of
from airflow_provider.operators.abstract.stoppable import StoppableOperator
from datalake_ops.errors import ConfigurationError, IncompleteUploadError, NoDataError

if TYPE_CHECKING:
    from airflow.sdk import Context


class PlanShardsOperator(StoppableOperator):
    """Parts a source into shards, for an upload by mapped tasks; every file is in exactly one. Returns the shards.

    A shard names a slice of a folder's listing or a range of a manifest's rows, so it stays small however many files it
    has. Nothing is read but the listing, and the lake is not asked. Each shard has a `name`, for `map_index_template`.

    Example:
        >>> plan = PlanShardsOperator(task_id="plan", filepaths="s3://camera/{{ ds }}/", max_files=5000)
        >>> upload = UploadDataOperator.partial(
        ...     task_id="upload", tags=["line-3"], map_index_template="{{ task.shard['name'] }}"
        ... ).expand(shard=plan.output)

    Args:
        filepaths: One source or many, as `UploadDataOperator` takes them (templated). A file of a list takes a line of
            its shard, so name many files by their folder or by a manifest.
        manifest: Instead of `filepaths`: the address of a manifest with a row per file (templated).
        manifest_base: Where the manifest's relative paths begin, when that is not its own folder (templated).
        manifest_allow: Folders and addresses that the manifest's rows may reach besides its base. A manifest whose
            address comes from the run (`params`, an XCom, a mapped argument), or that is read from an address, reaches
            nothing else (not templated).
        max_files, max_bytes: At most so many files and bytes in a shard; give one or both (templated). Sizes are asked
            for only with `max_bytes`.
        include, exclude: Patterns that choose the files of folders and patterns; an empty `include` chooses none
            (templated).
        storage_conn_id: The Airflow connection whose credentials open the addresses; the shards name it too
            (templated).
        max_shards: Fail rather than plan more; Airflow's `[core] max_map_length` without it (templated).

    Raises:
        ConfigurationError: Neither limit was given, the source is none, there would be too many shards, or
            `storage_options` were given.
        NoDataError: There is no file; see `on_empty`.
        InvalidFileError: One of several folders or patterns stands for no image or video.
    """

    argument_fields = {
        "filepaths": Field(sources, empty=[], is_text=True),
        "manifest": CHOSEN_TEXT,
        "manifest_base": TEXT,
        "max_files": whole(1),
        "max_bytes": whole(1),
        "include": CHOSEN_TEXTS,
        "exclude": TEXTS,
        "storage_conn_id": TEXT,
        "max_shards": whole(1),
    }

    def __init__(
        self,
        *,
        filepaths: Any = None,
        manifest: str | None = None,
        manifest_base: str | None = None,
        manifest_allow: str | list[str] | None = None,
        max_files: int | str | None = None,
        max_bytes: int | str | None = None,
        include: str | list[str] | None = None,
        exclude: str | list[str] | None = None,
        storage_conn_id: str | None = None,
        max_shards: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_options(kwargs)
        super().__init__(**kwargs)
        self.filepaths = filepaths
        self.manifest = manifest
        self.manifest_base = manifest_base
        self.manifest_allow = manifest_allow
        self.max_files: Any = max_files
        self.max_bytes: Any = max_bytes
        self.include = include
        self.exclude = exclude
        self.storage_conn_id = storage_conn_id
        self.max_shards: Any = max_shards

    def empty_result(self) -> list[dict[str, Any]]:
        """No shards: mapped uploads are skipped."""
        return []

    def work(self, context: Context) -> list[dict[str, Any]]:
        """List the source and part it."""
        from datalake_ops.upload.sharding import plan_shards

        source, named = travelling(self._source())
        conn_id = self.storage_conn_id or named
        planned = plan_shards(
            source,
            max_files=self.max_files,
            max_bytes=self.max_bytes,
            include=self.include,
            exclude=tuple(self.exclude or ()),
            storage_options=Storage(conn_id).options_for(source),
        )
        if not planned:
            raise NoDataError("The source has no file: there is nothing to upload.")
        limit = self.max_shards or conf.getint("core", "max_map_length", fallback=1024)
        if len(planned) > limit:
            raise ConfigurationError(
                f"The plan has {len(planned)} shards, and Airflow maps over {limit} ([core] max_map_length): raise "
                f"max_files={self.max_files} or max_bytes={self.max_bytes}."
            )
        self.log.info("%d files in %d shards.", sum(shard.files for shard in planned), len(planned))
        extra = {"storage_conn_id": conn_id} if conn_id else {}
        return [
            {**shard.to_json(), "name": f"{number} of {len(planned)}, {shard.files} files", **extra}
            for number, shard in enumerate(planned, 1)
        ]

    def _source(self) -> Any:
        if (self.filepaths is None) == (self.manifest is None):
            raise ConfigurationError("Give filepaths or a manifest, and not both.")
        name = "filepaths" if self.manifest is None else "manifest"
        given = getattr(self, name)
        if given in ([], ""):
            raise NoDataError(f"`{name}` is empty: there is nothing to upload.")
        return given if self.manifest is None else manifest_of(self)


class MergeReportsOperator(StoppableOperator):
    """Joins the summaries of mapped uploads; returns one of at most `max_bytes` bytes, with the sums of all.

    Example:
        >>> merge = MergeReportsOperator(task_id="merge", summaries=upload.output, max_failed=0.01)

    Args:
        summaries: What the uploads returned, such as `upload.output` of a mapped upload (templated).
        max_failed: How many files of all uploads may fail: a number, or a share below 1. Let the uploads themselves
            have `raise_on="never"` then (templated).
        ids_to: Where to write the ids of all data, one a line, joined from the files of the uploads' own `ids_to`
            (templated).
        storage_conn_id: The Airflow connection that opens the files of ids (templated).
        max_bytes: How long the summary's JSON may be (templated).

    Raises:
        NoDataError: There is no summary; see `on_empty`.
        IncompleteUploadError: More files failed than may.
        ConfigurationError: `ids_to` was given, and an upload wrote no such file.
    """

    argument_fields = {
        "summaries": Field(mappings, is_required=True, is_json=True),
        "max_failed": NUMBER,
        "ids_to": ADDRESS,
        "storage_conn_id": TEXT,
        "max_bytes": whole(0),
    }

    def __init__(
        self,
        *,
        summaries: Any,
        max_failed: float | str | None = None,
        ids_to: Any = None,
        storage_conn_id: str | None = None,
        max_bytes: int | str = 2000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.summaries = summaries
        self.max_failed: Any = max_failed
        self.ids_to = ids_to
        self.storage_conn_id = storage_conn_id
        self.max_bytes: Any = max_bytes

    def empty_result(self) -> dict[str, Any]:
        """The summary of no uploads."""
        from datalake_ops.upload.sharding import merge_summaries

        return dict(merge_summaries([]))

    def work(self, context: Context) -> dict[str, Any]:
        """Add up what the uploads tell."""
        from datalake_ops.upload.reporting.summary_text import counts_text
        from datalake_ops.upload.sharding import merge_summaries

        listed = list(self.summaries)
        merged = merge_summaries(listed, max_ids=self.max_bytes)
        files = {"data_ids_file": self._join_ids(listed)} if self.ids_to else {}
        text = counts_text(merged["counts"], merged["bytes"], merged["seconds"])
        self.log.info("%d uploads: %s", len(listed), text)
        self._check(merged)
        return {**bounded(merged, self.max_bytes - len(json.dumps(files))), **files}

    def _join_ids(self, summaries: Iterable[Mapping[str, Any]]) -> str:
        storage = Storage(self.storage_conn_id)
        addresses = [one.get("data_ids_file") for one in summaries]
        if None in addresses:
            raise ConfigurationError("ids_to joins files of ids, and an upload wrote none: give it ids_to too.")
        return write_ids(self.ids_to, (one for address in addresses for one in read_ids(address, storage)), storage)

    def _check(self, merged: Mapping[str, Any]) -> None:
        from datalake_ops.upload.reporting.failure_policy import FailurePolicy, failed_files

        failed = failed_files(merged)
        if FailurePolicy(max_failed=self.max_failed).refuses(failed, merged["files"]):
            named = "; ".join(f"{one['path']}: {one['error']}" for one in merged["errors"][:5])
            raise IncompleteUploadError(f"{failed} of {merged['files']} files were not uploaded: {named}")
