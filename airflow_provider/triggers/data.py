"""The trigger that waits for data in the triggerer."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider.triggers.events import ARRIVED, LOST, TIMED_OUT, DataEvent, error_fields
from airflow_provider.triggers.token_refresh import with_current_token
from datalake_ops.errors import DatalakeError, DataWaitTimeoutError

if TYPE_CHECKING:
    from datalake_ops.config import Connection
    from datalake_ops.waiting.arrival import StableCount

_NAMES = (
    "datalake_conn_id", "organization_id", "lake_id", "q", "custom_metadata", "min_count", "stable_for",
    "poll_interval", "deadline_at", "fire_after",
)  # fmt: skip


class DataTrigger(BaseTrigger):
    """Waits until enough data match and no more come, and fires once.

    All triggers of one connection in one triggerer share a session, and those that wait for the same data share their
    looks (see `datalake_ops.waiting.shared_queries`). A token that was changed meanwhile is read again.

    Args:
        datalake_conn_id: The Airflow connection; only its id is stored.
        organization_id, lake_id: Which lake.
        q, custom_metadata: Which data: query-language text, and custom metadata to be equal to.
        min_count, stable_for: How many, and for how many seconds as many.
        poll_interval: Seconds between looks; None lets them grow with the time waited.
        deadline_at: Wall-clock time to stop waiting at; None waits for ever.
        fire_after: Wall-clock time before which the event is held back.
    """

    def __init__(
        self,
        datalake_conn_id: str,
        organization_id: str,
        lake_id: str,
        q: str | None = None,
        custom_metadata: dict[str, Any] | None = None,
        min_count: int = 1,
        stable_for: float = 0.0,
        poll_interval: float | None = None,
        deadline_at: float | None = None,
        fire_after: float = 0.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.datalake_conn_id = datalake_conn_id
        self.organization_id = organization_id
        self.lake_id = lake_id
        self.q = q
        self.custom_metadata = custom_metadata
        self.min_count = min_count
        self.stable_for = stable_for
        self.poll_interval = poll_interval
        self.deadline_at = deadline_at
        self.fire_after = fire_after

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and what makes an equal trigger in another process; no host and no token."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in _NAMES}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the data; fires one event, whose payload `DataEvent.read` reads."""
        event = await self._wait()
        # Airflow fails a task whose trigger fires before it has noticed that the task left its worker.
        await asyncio.sleep(max(0.0, self.fire_after - time.time()))
        yield TriggerEvent(asdict(event))  # type: ignore[no-untyped-call]

    async def _wait(self) -> DataEvent:
        # Half a second of imports would hold up every other trigger of this triggerer.
        await asyncio.to_thread(importlib.import_module, "datalake_ops.waiting.async_arrival")
        try:
            seen = await self._arrival()
        except DataWaitTimeoutError as error:
            return DataEvent(TIMED_OUT, message=str(error))
        except DatalakeError as error:
            return DataEvent(LOST, **error_fields(error))
        self.log.info("%d data have arrived", seen.count)
        return DataEvent(ARRIVED, seen.count)

    async def _arrival(self) -> StableCount:
        from datalake_ops.waiting.arrival import Arrival
        from datalake_ops.waiting.async_arrival import DataWait, await_data

        arrival = Arrival(self.min_count, self.stable_for)
        watch = DataWait(UUID(self.organization_id), UUID(self.lake_id), arrival, self.q, self.custom_metadata)

        async def wait(connection: Connection) -> StableCount:
            return await await_data(connection, watch, deadline_at=self.deadline_at, poll_interval=self.poll_interval)

        return await with_current_token(self.datalake_conn_id, wait)
