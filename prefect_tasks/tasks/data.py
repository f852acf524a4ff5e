"""Listing data."""

from __future__ import annotations

from typing import Any

from prefect import task

from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.retrying import RETRYING
from prefect_tasks.waiting import run_logger


@task(**RETRYING)
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
