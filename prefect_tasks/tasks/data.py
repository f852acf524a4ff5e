"""Finding, listing and changing data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task

from prefect_tasks.blocks import DatalakeCredentials, load_credentials
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
UPDATING: dict[str, Any] = {**RETRYING, **EACH_TIME, "task_run_name": run_name("update_data", "changes")}


@task(**LISTING)
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
) -> list[str]:
    """List the ids of the lake's data that match; `credentials.get_client().list_data()` gives the data themselves.

    Args:
        credentials: a block, or the name of a saved one.
        tags: data with one of these tags, or with all of them when `intersect_tags`.
        intersect_tags: whether every tag is wanted.
        q: query-language text; it holds together with `tags`.
        filenames, object_names, ids: data with one of these; give one of the three.
        custom_metadata: data whose custom metadata equals this on every key.
        order_by: field names, `-` before one means descending.
        limit, offset: at most this many, from this one on.

    Raises:
        NoDataError: nothing matches.
        InvalidQueryError: `q` is not query-language text.
    """
    with load_credentials(credentials).get_client() as hook:
        found = hook.list_data(
            limit=limit,
            offset=offset,
            order_by=order_by,
            tags=[tags] if isinstance(tags, str) else [*tags] if tags else None,
            filenames=filenames,
            intersect_tags=intersect_tags,
            object_names=object_names,
            q=q,
            ids=[*ids] if ids is not None else None,
            custom_metadata=custom_metadata,
        )
    run_logger().info("%d data match", len(found))
    return [str(one) for one in found.ids]


@task(**FINDING)
def find_data(
    credentials: DatalakeCredentials | str,
    filename: str | None = None,
    object_name: str | None = None,
    id: str | None = None,
) -> dict[str, Any]:
    """The one data of this file name, object name or id, as small JSON values.

    Returns:
        `id`, `filename`, `object_name`, `type`, `content_type`, `upload_status`, `width`, `height`, `bytes`,
        `metadata`, `custom_metadata`, `tags` and `source`. Its address is not among them: whoever has that can read the
        file.

    Raises:
        NotFoundError: no data has it.
        InvalidQueryError: several have it.
        ConfigurationError: nothing to look for was given.
    """
    with load_credentials(credentials).get_client() as hook:
        return _told(hook.find_data(filename, object_name, id))


@task(**UPDATING)
def update_data(credentials: DatalakeCredentials | str, changes: dict[str, dict[str, Any]]) -> int:
    """Change metadata, custom metadata, tags and source of many data, 100 a request, and return how many were named.

    Args:
        credentials: a block, or the name of a saved one.
        changes: by id of the data, any of `metadata`, `custom_metadata`, `tags` and `data_source`; tags are added;
            tags and sources go by name and are created when missing. What is not named stays as it is.

    Raises:
        ConfigurationError: an id is none, or a change has a field that data have not; nothing was sent.
        BadRequestError: a value that the platform does not take; the requests before it are done.
    """
    with load_credentials(credentials).get_client() as hook:
        # A plain dict of text is no dict of text or UUID to the type checker.
        count = hook.update_multiple_data(dict(changes.items()))
    run_logger().info("%d data changed", count)
    return count


alist_data = async_twin(list_data.fn, **LISTING)
afind_data = async_twin(find_data.fn, **FINDING)
aupdate_data = async_twin(update_data.fn, **UPDATING)


def _told(data: Data) -> dict[str, Any]:
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
