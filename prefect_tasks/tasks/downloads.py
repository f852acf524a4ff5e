"""Downloading data as files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.datalake_task import datalake_task
from prefect_tasks.runs.idempotency import EACH_TIME
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.tasks.selection import CHOOSES, check_selection, chosen_ids

DOWNLOADING: dict[str, Any] = {
    **RETRYING,
    **EACH_TIME,
    "task_run_name": run_name("download_data", "directory", "data", "tags", "q"),
}


def _no_files(told: dict[str, Any]) -> dict[str, Any]:
    return {"directory": _target(told["directory"]), "files": 0, "paths": [], "paths_left_out": 0}


@datalake_task(empty=_no_files, chooses=CHOOSES, **DOWNLOADING)
def download_data(
    credentials: DatalakeCredentials | str,
    directory: str | os.PathLike[str],
    data: str | Sequence[str] | None = None,
    tags: str | list[str] | None = None,
    intersect_tags: bool = False,
    q: str | None = None,
    limit: int | None = None,
    use_id: bool = False,
    force_replace: bool = False,
    max_workers: int | None = None,
    max_paths: int = 100,
    everything: bool = False,
    on_empty: OnEmpty = "skip",
) -> dict[str, Any]:
    """Download data into a directory that outlives the worker; what is there is kept, so a repeat fetches the rest.

    A file is there if its size and its SHA-256 are the data's; another file of its name stays, too.

    Args:
        credentials: a block, or the name of a saved one.
        directory: where the files go; it is made when missing.
        data: ids of the data; without them the data are those that `tags`, `q` and `limit` find.
        tags, intersect_tags, q, limit: as in `list_data`.
        use_id: name the files by id instead of by file name.
        force_replace: fetch again what is there.
        max_workers: how many files travel at once.
        max_paths: how many paths the result names.
        everything: all data of the lake.
        on_empty: answer to no data: "skip", "succeed" (both give `files` 0) or "fail" (NoDataError).

    Returns:
        `directory`, `files` (their number), `paths` (at most `max_paths` of them) and `paths_left_out`.

    Raises:
        DownloadError: some data could not be downloaded; all others were.
        ArgumentError: an argument is not of its field, or nothing was chosen; nothing was sent.
    """
    filters = {"tags": tags, "intersect_tags": intersect_tags, "q": q, "limit": limit}
    selection = check_selection("download_data", data, filters, everything)
    folder, by_id = _target(directory), bool(arguments.flag("use_id", use_id))
    replace = bool(arguments.flag("force_replace", force_replace))
    workers = arguments.whole_number("max_workers", max_workers, at_least=1)
    most = arguments.whole_number("max_paths", max_paths, at_least=0) or 0
    with load_credentials(credentials).get_client() as hook:
        # By their ids at once: one listing instead of one request for each.
        found = hook.list_data(ids=[*chosen_ids(hook, selection)])
        paths = [str(path) for path in hook.download(found, folder, by_id, replace, workers)]
    run_logger().info("%d files are in %s", len(paths), folder)
    shown = paths[:most]
    return {
        "directory": folder,
        "files": len(paths),
        "paths": shown,
        "paths_left_out": len(paths) - len(shown),
    }


adownload_data = async_twin(download_data, **DOWNLOADING)


def _target(directory: Any) -> str:
    folder = arguments.text("directory", directory)
    if not folder or not folder.strip():
        raise arguments.refusal("directory", directory, "write the folder that the files go into.")
    return folder
