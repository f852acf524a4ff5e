"""The operator that downloads data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider.operators.abstract.datalake import DatalakeOperator
from airflow_provider.operators.abstract.fields import ADDRESS, FLAG, REQUIRED_ADDRESS, whole
from airflow_provider.operators.abstract.selection import DataChoiceOperator
from datalake_ops.errors import NotFoundError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.wire.data import Data


class DownloadDataOperator(DataChoiceOperator, DatalakeOperator):
    """Downloads data as files; returns `count`, `directory` and `files`, each an XCom too.

    A file that holds the data already, by size and SHA-256, is kept, so a retry fetches only what is missing, and goes
    on in the middle of a file; another file of its name stays, too. A name in the directory is always a whole file,
    whose content was checked where its SHA-256 is known.

    Example:
        >>> files = DownloadDataOperator(task_id="files", tags=["night"], directory="/data/{{ ds }}")

    Args:
        directory: Where to put the files, on a disk that the tasks after this one see too (templated).
        use_id: Name the files by id instead of by file name (templated).
        force_replace: Fetch every file again, in place of one of its name (templated).
        max_workers: How many files travel at once; the connection's default without it (templated).
        files_to: Where to write `data_id` and `path` of each file as JSON lines: a path or an fsspec URL (templated).
            `CreateProjectionOperator` takes such a file.
        max_bytes: How many bytes of JSON `files` may have; it is all or empty (templated).
        kwargs: `data_ids`, filters or `everything`, see `DataChoiceOperator`; `datalake_conn_id`.

    Raises:
        NoDataError: No data match; see `on_empty`.
        NotFoundError: Some data that were named are not there.
        DownloadError: Some data could not be downloaded; all others were.
    """

    argument_fields = {
        "directory": REQUIRED_ADDRESS,
        "use_id": FLAG,
        "force_replace": FLAG,
        "max_workers": whole(1),
        "files_to": ADDRESS,
        "max_bytes": whole(0),
    }

    def __init__(
        self,
        *,
        directory: str,
        use_id: bool | str = False,
        force_replace: bool | str = False,
        max_workers: int | str | None = None,
        files_to: Any = None,
        max_bytes: int | str = 2000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.directory = directory
        self.use_id: Any = use_id
        self.force_replace: Any = force_replace
        self.max_workers: Any = max_workers
        self.files_to = files_to
        self.max_bytes: Any = max_bytes

    def empty_result(self) -> dict[str, Any]:
        """Count 0, and no files."""
        return {"count": 0, "directory": str(self.directory), "files": []}

    def work(self, context: Context) -> dict[str, Any]:
        """Find the data, fetch what is missing, and tell what is there."""
        self.require_choice()
        with self.lake(context) as lake:
            ids = self.chosen(lake)
            # As values, for the hook would ask for each id by itself.
            data = list(lake.iter_data(ids=list(ids)))
            if len(data) < len(ids):
                gone = f"{len(ids) - len(data)} of {len(ids)} data are not in the lake any more."
                raise NotFoundError(gone, status=404)
            paths = lake.download(data, self.directory, self.use_id, self.force_replace, self.max_workers)
        self.log.info("%d files are in %s.", len(paths), self.directory)
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
