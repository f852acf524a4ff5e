"""Tagging data."""

from __future__ import annotations

from prefect import task

from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.retrying import RETRYING
from prefect_tasks.tasks.selection import chosen
from prefect_tasks.waiting import run_logger


@task(**RETRYING)
def tag_data(
    credentials: DatalakeCredentials | str,
    data: list[str] | None = None,
    add: str | list[str] | None = None,
    remove: str | list[str] | None = None,
    tags: str | list[str] | None = None,
    intersect_tags: bool = False,
    q: str | None = None,
    limit: int | None = None,
) -> int:
    """Put tags on data and take others away, and return how many data were named; twice changes nothing more.

    Args:
        credentials: a block, or the name of a saved one.
        data: ids of the data; without them the data are those that `tags`, `q` and `limit` find.
        add: names of tags to put on; a missing tag is created.
        remove: names of tags to take away.
        tags, intersect_tags, q, limit: as in `list_data`.

    Raises:
        NoDataError: no data match the filters.
        NotFoundError: the lake has no tag of a name to take away.
    """
    with load_credentials(credentials).get_client() as hook:
        named = chosen(hook, data, {"tags": tags, "intersect_tags": intersect_tags, "q": q, "limit": limit})
        if add:
            hook.add_tags(named, add)
        if remove:
            hook.remove_tags(named, remove)
    run_logger().info("%d data: added tags %s, removed tags %s", len(named), add or [], remove or [])
    return len(named)
