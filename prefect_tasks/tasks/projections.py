"""Further renderings of data."""

from __future__ import annotations

import os
from typing import Any

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.datalake_task import datalake_task
from prefect_tasks.runs.idempotency import ONCE_PER_CALL
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.tasks.async_twin import async_twin

# The platform takes two projections of one name: a repeat would make a second one.
PROJECTING: dict[str, Any] = {
    **RETRYING,
    **ONCE_PER_CALL,
    "task_run_name": run_name("create_projection", "name", "data"),
}


@datalake_task(chooses=["data", "path"], **PROJECTING)
def create_projection(
    credentials: DatalakeCredentials | str,
    data: str | None,
    name: str,
    path: str | os.PathLike[str],
    additional_info: dict[str, Any] | None = None,
    fill_metadata: bool | str = False,
    key: str | None = None,
    on_empty: OnEmpty = "skip",
) -> dict[str, str | None]:
    """Upload a picture as one more rendering of a data; a retry of the call does not make a second one.

    Args:
        credentials: a block, or the name of a saved one.
        data: id of the data.
        name: what the rendering is: "mask", "thermal", ...
        path: a picture that the worker can read.
        additional_info: JSON values to keep with it.
        fill_metadata: read EXIF into `additional_info`, all that it tells with "full"; keys given there win.
        key: makes calls with the same arguments and key in one flow run one call.
        on_empty: answer to no data or no path: "skip", "succeed" (both give None) or "fail" (NoDataError).

    Returns:
        `id`, `name` and `data`, the id of the data.

    Raises:
        InvalidFileError: the file is missing or cannot be decoded; nothing was sent.
        NotFoundError: there is no such data.
    """
    wanted = str(arguments.identifier("data", data))
    called = arguments.required_name("name", name, "write what the rendering is, such as mask.")
    info = arguments.mapping("additional_info", additional_info)
    fill = arguments.fill("fill_metadata", fill_metadata)
    picture = arguments.text("path", path)
    with load_credentials(credentials).get_client() as hook:
        made = hook.create_projection(wanted, called, str(picture), info, fill or False)
    run_logger().info("Data %s has the projection %r now", wanted, called)
    return {"id": str(made.id), "name": made.name, "data": wanted}


acreate_projection = async_twin(create_projection, **PROJECTING)
