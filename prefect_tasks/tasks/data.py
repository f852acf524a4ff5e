"""Finding, listing and changing data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.datalake_task import datalake_task, refuse_empty
from prefect_tasks.runs.idempotency import EACH_TIME
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.tasks.async_twin import async_twin

if TYPE_CHECKING:
    from datalake_ops.wire.data import Data

LISTING: dict[str, Any] = {**RETRYING, **EACH_TIME, "task_run_name": run_name("list_data", "tags", "q", "limit")}
FINDING: dict[str, Any] = {
    **RETRYING,
    **EACH_TIME,
    "task_run_name": run_name("find_data", "filename", "object_name", "id"),
}
FILTERS = ("tags", "q", "filenames", "object_names", "ids", "custom_metadata", "limit")
UPDATING: dict[str, Any] = {**RETRYING, **EACH_TIME, "task_run_name": run_name("update_data", "changes")}


@datalake_task(empty=[], chooses=FILTERS, **LISTING)
def list_data(
    credentials: DatalakeCredentials | str,
    tags: str | list[str] | None = None,
    intersect_tags: bool = False,
    q: str | None = None,
    filenames: list[str] | None = None,
    object_names: list[str] | None = None,
    ids: list[str] | None = None,
    custom_metadata: dict[str, Any] | None = None,
    order_by: list[str] | None = None,
    limit: int | None = None,
    offset: int | None = None,
    on_empty: OnEmpty = "skip",
) -> list[str]:
    """List the ids of the lake's data that match; `credentials.get_client().list_data()` gives the data themselves.

    Args:
        credentials: a block, or the name of a saved one.
        tags, intersect_tags: data with one of these tags, or with all of them.
        q: query-language text; it holds together with `tags`.
        filenames, object_names, ids: data with one of these; give one of the three.
        custom_metadata: data whose custom metadata equals this on every key.
        order_by: field names, `-` before one means descending.
        limit, offset: at most this many, from this one on.
        on_empty: answer when nothing matches: "skip", "succeed" (both give []) or "fail" (NoDataError).

    Raises:
        InvalidQueryError: `q` is not query-language text.
        ArgumentError: an argument is not of its field; nothing was sent.
    """
    filters: dict[str, Any] = {
        "limit": arguments.whole_number("limit", limit, at_least=1),
        "offset": arguments.whole_number("offset", offset, at_least=0),
        "order_by": arguments.texts("order_by", order_by),
        "tags": arguments.texts("tags", tags),
        "filenames": arguments.texts("filenames", filenames),
        "intersect_tags": bool(arguments.flag("intersect_tags", intersect_tags)),
        "object_names": arguments.texts("object_names", object_names),
        "q": arguments.text("q", q),
        "ids": arguments.identifiers("ids", ids),
        "custom_metadata": arguments.mapping("custom_metadata", custom_metadata),
    }
    refuse_empty(filters, FILTERS)
    with load_credentials(credentials).get_client() as hook:
        found = hook.list_data(**filters)
    run_logger().info("%d data match", len(found))
    return [str(one) for one in found.ids]


@datalake_task(chooses=["filename", "object_name", "id"], **FINDING)
def find_data(
    credentials: DatalakeCredentials | str,
    filename: str | None = None,
    object_name: str | None = None,
    id: str | None = None,
    on_empty: OnEmpty = "skip",
) -> dict[str, Any]:
    """Find the one data of this file name, object name or id.

    Args:
        credentials: a block, or the name of a saved one.
        filename, object_name, id: what to look for; one is enough.
        on_empty: answer to a blank name or id: "skip", "succeed" (both give None) or "fail" (NoDataError).

    Returns:
        `id`, `filename`, `object_name`, `type`, `content_type`, `upload_status`, `width`, `height`, `bytes`,
        `metadata`, `custom_metadata`, `tags` and `source`, as small JSON values. Its address is not among them: whoever
        has that can read the file.

    Raises:
        NotFoundError: no data has it.
        InvalidQueryError: several have it.
        ConfigurationError: nothing to look for was given.
    """
    name, key = arguments.text("filename", filename), arguments.text("object_name", object_name)
    wanted = arguments.identifier("id", id)
    with load_credentials(credentials).get_client() as hook:
        return _summary(hook.find_data(name, key, wanted))


@datalake_task(empty=0, chooses=["changes"], **UPDATING)
def update_data(
    credentials: DatalakeCredentials | str, changes: dict[str, dict[str, Any]], on_empty: OnEmpty = "skip"
) -> int:
    """Change metadata, custom metadata, tags and source of many data, 100 a request; return the number of data.

    Args:
        credentials: a block, or the name of a saved one.
        changes: by id of the data, any of `metadata`, `custom_metadata`, `tags` and `data_source`; tags are added;
            tags and sources go by name and are created when missing. What is not named stays as it is.
        on_empty: answer to no changes: "skip", "succeed" (both give 0) or "fail" (NoDataError).

    Raises:
        ConfigurationError: an id is none, or a change has a field that data have not; nothing was sent.
        BadRequestError: a value that the platform does not take; the requests before it are done.
    """
    wanted = arguments.mapping("changes", changes) or {}
    refuse_empty({"changes": wanted}, ["changes"])
    with load_credentials(credentials).get_client() as hook:
        number = hook.update_multiple_data(wanted)
    run_logger().info("%d data changed", number)
    return number


alist_data = async_twin(list_data, **LISTING)
afind_data = async_twin(find_data, **FINDING)
aupdate_data = async_twin(update_data, **UPDATING)


def _summary(data: Data) -> dict[str, Any]:
    return {
        "id": str(data.id),
        "filename": data.filename,
        "object_name": data.object_name,
        "type": str(data.type),
        "content_type": data.content_type,
        "upload_status": str(data.upload_status),
        "width": data.width,
        "height": data.height,
        "bytes": data.file_size,
        "metadata": data.metadata,
        "custom_metadata": data.custom_metadata,
        "tags": [tag.name for tag in data.tags or ()],
        "source": data.data_source.name if data.data_source else None,
    }
