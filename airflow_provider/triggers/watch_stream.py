"""Shared stream of a watcher, through which Airflow 3.3 and newer acknowledge the events that they have stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from airflow_provider.triggers.watch_cursor import WatchEvent


class EventSource(Protocol):
    """Trigger that yields events and takes their acknowledgements."""

    def events(self) -> AsyncIterator[WatchEvent]:
        """Yield an event for each batch."""

    async def acknowledge(self, until: str) -> None:
        """Take note that the event up to a cursor is stored."""


class TriggerHandshake:
    """First item of a stream: the trigger that reads it names itself, for only it can reach its state in Airflow."""

    def __init__(self) -> None:
        self.trigger: asyncio.Future[EventSource] = asyncio.get_running_loop().create_future()


class WatchProducer(SharedStreamProducer):
    """Lets the one trigger of a stream follow its lake, and hands it Airflow's acknowledgements."""

    def __init__(self) -> None:
        self._trigger: EventSource | None = None

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Yield a handshake, then events for as long as the trigger lives."""
        handshake = TriggerHandshake()
        yield handshake, handshake
        self._trigger = await handshake.trigger
        async for event in self._trigger.events():
            yield event, event

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Acknowledge the events that are stored; one that failed is fired again when the trigger starts again."""
        for item in batch:
            if self._trigger is not None and isinstance(item.broker_payload, WatchEvent) and item.outcome.is_clean:
                await self._trigger.acknowledge(item.broker_payload.until)
