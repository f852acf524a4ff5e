"""Data and jobs of the watcher events that started a DAG run, each once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

_LOG = logging.getLogger(__name__)


def new_batches(context: Context) -> list[dict[str, Any]]:
    """Payloads of the watchers' events that started the run, oldest first, each batch once.

    A triggerer that died may tell a batch a second time. In the same run that is seen here; in a later run it is seen
    when the task has the watched asset among its `inlets`, for then the asset's events can be looked through.
    """
    found: dict[str, dict[str, Any]] = {}
    for asset, event in _watched(context):
        payload = event.extra["payload"]
        if payload["batch"] in found or (payload.get("redelivered") and _was_told(context, asset, event)):
            _LOG.info("Batch %s was delivered to an earlier run and is left out of this one.", payload["batch"])
        else:
            found[payload["batch"]] = dict(payload)
    return list(found.values())


def new_data_ids(context: Context) -> list[str]:
    """Ids of the data that `DatalakeDataTrigger` told of, each once, in the order in which they came.

    Example:
        >>> @task(inlets=[new_photos])
        ... def ids() -> list[str]:
        ...     return new_data_ids(get_current_context())
    """
    return list(dict.fromkeys(one for batch in new_batches(context) for one in batch.get("data_ids", ())))


def ended_jobs(context: Context) -> list[dict[str, Any]]:
    """The jobs that `DatalakeJobsTrigger` told of: `id`, `status`, `processing`, `labels` and `counts` of each."""
    jobs = {job["id"]: job for batch in new_batches(context) for job in batch.get("jobs", ())}
    return list(jobs.values())


def _watched(context: Context) -> Iterator[tuple[Any, Any]]:
    """The events of watchers of this provider, oldest first, each with its asset."""
    events = [(asset, event) for asset, told in context["triggering_asset_events"].items() for event in told]
    for asset, event in sorted(events, key=lambda pair: pair[1].timestamp):
        payload = (event.extra or {}).get("payload")
        if isinstance(payload, Mapping) and "batch" in payload:
            yield asset, event


def _was_told(context: Context, asset: Any, event: Any) -> bool:
    """Return True if an earlier event of the asset has the same batch."""
    batch = event.extra["payload"]["batch"]
    try:
        earlier = context["inlet_events"][asset]
    except KeyError:
        _LOG.warning(
            "Batch %s may have been delivered to an earlier run; give this task inlets=[...] so that this is checked.",
            batch,
        )
        return False
    return any(_batch_of(one) == batch and one.timestamp < event.timestamp for one in earlier)


def _batch_of(event: Any) -> str | None:
    payload = (event.extra or {}).get("payload")
    return payload.get("batch") if isinstance(payload, Mapping) else None
