"""Downloading data as files."""

from __future__ import annotations

import os
from typing import Any

from prefect import task

from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.idempotency import EACH_TIME
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.tasks.selection import chosen

DOWNLOADING: dict[str, Any] = {
    **RETRYING,
    **EACH_TIME,
    "task_run_name": run_name("download_data", "directory", "data", "tags", "q"),
}


@task(**DOWNLOADING)
def download_data(
    credentials: DatalakeCredentials | str,
    directory: str | os.PathLike[str],
    data: list[str] | None = None,
    tags: str | list[str] | None = None,
    intersect_tags: bool = False,
    q: str | None = None,
    limit: int | None = None,
    use_id: bool = False,
    force_replace: bool = False,
    max_workers: int | None = None,
    max_paths: int = 100,
) -> dict[str, Any]:
    """Download data into a directory that outlives the worker; what is there is kept, so a repeat fetches the rest.

    Args:
        credentials: a block, or the name of a saved one.
        directory: where the files go; it is made when missing.
        data: ids of the data; without them the data are those that `tags`, `q` and `limit` find.
        tags, intersect_tags, q, limit: as in `list_data`.
        use_id: name the files by id instead of by file name.
        force_replace: fetch again what is there.
        max_workers: how many files travel at once.
        max_paths: how many paths the result names.

    Returns:
        `directory`, `files` (how many), `paths` (at most `max_paths` of them) and `paths_left_out`.

    Raises:
        NoDataError: no data match the filters.
        DownloadError: some data could not be downloaded; all others were.
    """
    with load_credentials(credentials).get_client() as hook:
        named = chosen(hook, data, {"tags": tags, "intersect_tags": intersect_tags, "q": q, "limit": limit})
        # By their ids at once: one listing instead of one request for each.
        found = hook.list_data(ids=[*named])
        paths = [str(path) for path in hook.download(found, directory, use_id, force_replace, max_workers)]
    run_logger().info("%d files are in %s", len(paths), directory)
    shown = paths[:max_paths]
    return {
        "directory": os.fspath(directory),
        "files": len(paths),
        "paths": shown,
        "paths_left_out": len(paths) - len(shown),
    }


adownload_data = async_twin(download_data.fn, **DOWNLOADING)
