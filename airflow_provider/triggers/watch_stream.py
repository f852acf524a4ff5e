"""How Airflow 3.3 and newer tell a watcher that its events are kept: a shared stream with acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from airflow_provider.triggers.watch import News

if TYPE_CHECKING:
    from airflow_provider.triggers.watch import LakeTrigger


class Introduction:
    """The first word of a stream: the trigger that reads it says who it is, for only it can reach its memory."""

    def __init__(self) -> None:
        self.met: asyncio.Future[LakeTrigger] = asyncio.get_running_loop().create_future()


class WatchProducer(SharedStreamProducer):
    """Lets the one trigger of a stream follow its lake, and tells it what Airflow has kept."""

    def __init__(self) -> None:
        self._trigger: LakeTrigger | None = None

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """First an introduction, then news for as long as the trigger lives."""
        introduction = Introduction()
        yield introduction, introduction
        self._trigger = await introduction.met
        async for news in self._trigger.news():
            yield news, news

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Cross off what is kept; what failed stays announced, and is told again when the trigger starts again."""
        for item in batch:
            if self._trigger is not None and isinstance(item.broker_payload, News) and item.outcome.is_clean:
                await self._trigger.kept(item.broker_payload.until)
