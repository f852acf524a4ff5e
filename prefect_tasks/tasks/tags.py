"""Tags, and tagging data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task

from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.idempotency import EACH_TIME
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.rollback import data_without_tags, is_undoable, record_change, restore_tags
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.tasks.selection import chosen

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

TAGGING: dict[str, Any] = {
    **RETRYING,
    **EACH_TIME,
    "task_run_name": run_name("tag_data", "data", "tags", "q", "add", "remove"),
}
CREATING: dict[str, Any] = {**RETRYING, **EACH_TIME, "task_run_name": run_name("get_or_create_tag", "name")}


@task(**TAGGING)
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

    Inside `with transaction()` a failure that follows restores the tags of the data as they were.

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
    on, off = _names(add), _names(remove)
    with load_credentials(credentials).get_client() as hook:
        named = chosen(hook, data, {"tags": tags, "intersect_tags": intersect_tags, "q": q, "limit": limit})
        if is_undoable():
            record_change(
                credentials, {"added": data_without_tags(hook, named, on), "removed": _carrying(hook, named, off)}
            )
        if on:
            hook.add_tags(named, on)
        if off:
            hook.remove_tags(named, off)
    run_logger().info("%d data: added tags %s, removed tags %s", len(named), on, off)
    return len(named)


@task(**CREATING)
def get_or_create_tag(credentials: DatalakeCredentials | str, name: str) -> dict[str, str]:
    """The tag of that name, created when missing: its `id` and `name`; two runs that race get the same tag."""
    with load_credentials(credentials).get_client() as hook:
        tag = hook.get_or_create_data_tag(name)
    return {"id": str(tag.id), "name": tag.name}


atag_data = async_twin(tag_data.fn, **TAGGING)
aget_or_create_tag = async_twin(get_or_create_tag.fn, **CREATING)
for _task in (tag_data, atag_data):
    _task.on_rollback(restore_tags)


def _names(tags: str | list[str] | None) -> list[str]:
    return [tags] if isinstance(tags, str) else [*(tags or ())]


def _carrying(hook: DatalakeHook, data: list[str], tags: list[str]) -> dict[str, list[str]]:
    missing = data_without_tags(hook, data, tags)
    return {tag: [one for one in data if one not in set(missing[tag])] for tag in tags}
