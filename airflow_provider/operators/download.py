"""The operator that downloads data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider.operators.abstract.datalake import DatalakeOperator
from airflow_provider.operators.abstract.selection import SelectionOperator
from datalake_ops.errors import NoDataError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.wire.data import Data


class DownloadDataOperator(SelectionOperator, DatalakeOperator):
    """Downloads data as files; returns `count`, `directory` and `files`, each an XCom too.

    A file that is there is kept, so a retry fetches only what is missing, and goes on in the middle of a file. A name
    in the directory is always a whole file, whose content was checked where its SHA-256 is known.

    Example:
        >>> files = DownloadDataOperator(task_id="files", tags=["night"], directory="/data/{{ ds }}")

    Args:
        directory: Where to put the files, on a disk that the tasks after this one see too (templated).
        data_ids: Ids of the data, or the address of a file with them (templated).
        use_id: Name the files by id instead of by file name.
        force_replace: Fetch also what is there.
        max_workers: How many files travel at once; the connection's default without it.
        files_to: Where to write `data_id` and `path` of each file as JSON lines: a path or an fsspec URL (templated).
            `CreateProjectionOperator` takes such a file.
        max_bytes: How many bytes of JSON `files` may have; it is all or empty.
        kwargs: Filters, see `SelectionOperator`; `datalake_conn_id`.

    Raises:
        NoDataError: No data match, or some that were named are not there.
        DownloadError: Some data could not be downloaded; all others were.
    """

    template_fields: Sequence[str] = (
        *SelectionOperator.template_fields, "data_ids", "directory", "files_to", "datalake_conn_id"
    )  # fmt: skip

    def __init__(
        self,
        *,
        directory: str,
        data_ids: Any = None,
        use_id: bool = False,
        force_replace: bool = False,
        max_workers: int | None = None,
        files_to: Any = None,
        max_bytes: int = 2000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.directory = directory
        self.data_ids = data_ids
        self.use_id = use_id
        self.force_replace = force_replace
        self.max_workers = max_workers
        self.files_to = files_to
        self.max_bytes = max_bytes

    def work(self, context: Context) -> dict[str, Any]:
        """Find the data, fetch what is missing, and tell what is there."""
        with self.lake(context) as lake:
            ids = self.chosen(lake, self.data_ids)
            # As values, for the hook would ask for each id by itself.
            data = list(lake.iter_data(ids=list(ids)))
            if len(data) < len(ids):
                raise NoDataError(f"{len(ids) - len(data)} of {len(ids)} data are not in the lake any more.")
            paths = lake.download(data, self.directory, self.use_id, self.force_replace, self.max_workers)
        self.log.info("%d files in %s", len(paths), self.directory)
        files = [str(path) for path in paths]
        told = files if len(json.dumps(files)) <= self.max_bytes else []
        return {"count": len(files), "directory": str(self.directory), "files": told, **self._written(data, paths)}

    def _written(self, data: Iterable[Data], paths: Iterable[Path]) -> dict[str, str]:
        if not self.files_to:
            return {}
        with self.storage.writing(self.files_to) as draft, draft.open("w", encoding="utf-8") as stream:
            for one, path in zip(data, paths, strict=True):
                stream.write(json.dumps({"data_id": str(one.id), "path": str(path)}) + "\n")
        return {"files_file": str(self.files_to)}
