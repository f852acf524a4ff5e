"""Admission of requests of an `AsyncSession`: the number in flight, and the refusal of all when a host is down."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from datalake_ops.client.retry import Failure


@dataclass(frozen=True)
class Ticket:
    """One request under way: to which host, since when (monotonic seconds), and in which epoch of the gate."""

    host: str
    started_at: float
    epoch: int = 0


class Gate(Protocol):
    """Lets requests pass, and learns from how each one ended."""

    async def enter(self, host: str) -> Ticket:
        """Wait until one more request may start.

        Raises:
            DatalakeError: none will, for the host is given up.
        """

    def leave(self, ticket: Ticket, failure: Failure | None, *, brief: bool) -> None:
        """A request ended; `brief` says that its duration tells how fast the host answers (no long body)."""

    def abandon(self, ticket: Ticket) -> None:
        """A request was cancelled; nothing is learnt from it."""

    async def rest(self, seconds: float, *, early: bool) -> None:
        """Wait before a request is repeated; ends sooner when there is no more use in it.

        `early` says that it has most of its tries still before it, so that its failures may be chance.
        """

    def gave_up(self, host: str, failure: Failure, since: float) -> None:
        """A request that was first tried at `since` was repeated in vain until its policy ended it."""


class OpenGate:
    """Lets everything pass, for calls that come alone."""

    def __init__(self) -> None:
        self._ticket = Ticket("", 0.0)

    async def enter(self, host: str) -> Ticket:
        """Pass."""
        return self._ticket

    def leave(self, ticket: Ticket, failure: Failure | None, *, brief: bool) -> None:
        """Nothing to learn."""

    def abandon(self, ticket: Ticket) -> None:
        """Nothing to learn."""

    async def rest(self, seconds: float, *, early: bool) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def gave_up(self, host: str, failure: Failure, since: float) -> None:
        """Nothing to learn."""
