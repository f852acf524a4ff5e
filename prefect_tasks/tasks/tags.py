"""Tags, and tagging data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import ArgumentError, NoDataError
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.datalake_task import came_from_a_task, datalake_task
from prefect_tasks.runs.idempotency import EACH_TIME
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.rollback import data_without_tags, is_undoable, record_change, restore_tags
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.tasks.selection import CHOOSES, check_selection, chosen_ids

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

TAGGING: dict[str, Any] = {
    **RETRYING,
    **EACH_TIME,
    "task_run_name": run_name("tag_data", "data", "tags", "q", "add", "remove"),
}
CREATING: dict[str, Any] = {**RETRYING, **EACH_TIME, "task_run_name": run_name("get_or_create_tag", "name")}


@datalake_task(empty=0, chooses=CHOOSES, **TAGGING)
def tag_data(
    credentials: DatalakeCredentials | str,
    data: str | Sequence[str] | None = None,
    add: str | list[str] | None = None,
    remove: str | list[str] | None = None,
    tags: str | list[str] | None = None,
    intersect_tags: bool = False,
    q: str | None = None,
    limit: int | None = None,
    everything: bool = False,
    on_empty: OnEmpty = "skip",
) -> int:
    """Put tags on data and take others off, and return the number of data; a repeat changes nothing more.

    Inside `with transaction()` a failure that follows restores the tags of the data as they were.

    Args:
        credentials: a block, or the name of a saved one.
        data: ids of the data; without them the data are those that `tags`, `q` and `limit` find.
        add: names of tags to put on; a missing tag is created.
        remove: names of tags to take off.
        tags, intersect_tags, q, limit: as in `list_data`.
        everything: all data of the lake.
        on_empty: answer to no data or no tags: "skip", "succeed" or "fail".

    Raises:
        NoDataError: there is nothing to do, and `on_empty="fail"`.
        NotFoundError: the lake has no tag of a name to take off.
        ArgumentError: an argument is not of its field, or nothing was chosen; nothing was sent.
    """
    filters = {"tags": tags, "intersect_tags": intersect_tags, "q": q, "limit": limit}
    selection = check_selection("tag_data", data, filters, everything)
    on, off = _names_of_change(add, remove)
    with load_credentials(credentials).get_client() as hook:
        named = chosen_ids(hook, selection)
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


@datalake_task(chooses=["name"], **CREATING)
def get_or_create_tag(credentials: DatalakeCredentials | str, name: str, on_empty: OnEmpty = "skip") -> dict[str, str]:
    """Return `id` and `name` of the tag of that name, created when missing; two runs that race get the same tag.

    Args:
        credentials: a block, or the name of a saved one.
        name: of the tag.
        on_empty: answer to a blank name: "skip", "succeed" (the result is None) or "fail".
    """
    with load_credentials(credentials).get_client() as hook:
        tag = hook.get_or_create_data_tag(name)
    return {"id": str(tag.id), "name": tag.name}


atag_data = async_twin(tag_data, **TAGGING)
aget_or_create_tag = async_twin(get_or_create_tag, **CREATING)
for _task in (tag_data, atag_data):
    _task.on_rollback(restore_tags)


def _names_of_change(add: Any, remove: Any) -> tuple[list[str], list[str]]:
    on, off = arguments.texts("add", add), arguments.texts("remove", remove)
    if on is None and off is None and not came_from_a_task("add") and not came_from_a_task("remove"):
        raise ArgumentError("tag_data needs names of tags to add or to remove.")
    if not on and not off:
        raise NoDataError("tag_data was given no tags to add or to remove: there is nothing to do.")
    return on or [], off or []


def _carrying(hook: DatalakeHook, data: list[str], tags: list[str]) -> dict[str, list[str]]:
    missing = data_without_tags(hook, data, tags)
    return {tag: [one for one in data if one not in set(missing[tag])] for tag in tags}
