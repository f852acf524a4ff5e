"""Tagging data."""

from __future__ import annotations

from typing import Any

from prefect import task

from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.retrying import RETRYING
from prefect_tasks.waiting import run_logger


@task(**RETRYING)
def tag_data(
    credentials: DatalakeCredentials | str,
    data: list[str],
    tags: str | list[str] | None = None,
    remove: str | list[str] | None = None,
) -> dict[str, Any]:
    """Give tags to data, and take others away; doing it twice changes nothing more.

    Args:
        credentials: a block, or the name of a saved one.
        data: ids, as `list_data` returns them.
        tags: names of tags to give; a missing tag is created.
        remove: names of tags to take away.

    Returns:
        `data` (how many were named), `added` and `removed` (how many data the tags now reached).
    """
    with load_credentials(credentials).get_client() as hook:
        added = hook.add_tags(data, _names(tags)) if tags and data else 0
        removed = hook.remove_tags(data, _names(remove)) if remove and data else 0
    summary = {"data": len(data), "added": added, "removed": removed}
    run_logger().info("Tagged %d data: %s", len(data), summary)
    return summary


def _names(tags: str | list[str]) -> list[str]:
    return [tags] if isinstance(tags, str) else list(tags)
