"""Limiter of the requests in flight of one engine, adapted to the platform and this machine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from datalake_ops.client.admission import Ticket
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.concurrency.aimd import FIRST_LIMIT, AimdWindow
from datalake_ops.errors import HostDownError

logger = logging.getLogger(__name__)
# Enough to hide a network's round trips; more connections mostly wait for one another.
DEFAULT_WORKERS = 128
# Requests that gave up, without a success between them, after which a host counts as down.
STRIKES = 3
# Below this share failures are chance, and a request is repeated soon; one that is near its last attempt has met more
# than chance, and waits as long as the retry policy says.
_CHANCE = 1 / 3
_CHANCE_REST = 0.1
_WEIGHT = 0.1


class Limiter:
    """Limiter of requests in flight: an AIMD window, one shared pause after Retry-After, and a circuit breaker.

    `patience` is the longest pause in seconds; a platform that asks for a longer one is given up, as by the retry
    policy of one request.
    """

    def __init__(
        self,
        cap: int,
        patience: float = float("inf"),
        *,
        first: int = FIRST_LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.window = AimdWindow(cap, first)
        self.in_flight = 0
        self.resting = 0
        # Called whenever the limit may have grown.
        self.on_room: Callable[[], None] = lambda: None
        self._patience = patience
        self._clock = clock
        self._open_at = 0.0
        self._failure_rate = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._succeeded_at: dict[str, float] = {}
        self._strikes: dict[str, int] = {}
        self._down: HostDownError | None = None
        self._woken: asyncio.Event | None = None

    @property
    def limit(self) -> int:
        """Number of requests that may be in flight now."""
        return self.window.limit

    @property
    def down(self) -> HostDownError | None:
        """Error because of which no request passes any more; None while the circuit breaker is closed."""
        return self._down

    async def enter(self, host: str) -> Ticket:
        """Wait for a slot and for the end of a pause.

        Raises:
            HostDownError: the circuit breaker is open.
        """
        while True:
            if self._down is not None:
                # A new one each time: an exception that is raised again keeps every frame it passed.
                raise HostDownError(str(self._down))
            pause = self._open_at - self._clock()
            if pause > 0:
                await self._sleep(pause)
            elif self.in_flight >= self.window.limit:
                await self._wait()
            else:
                break
        self.in_flight += 1
        return Ticket(host, self._clock(), self.window.epoch)

    def leave(self, ticket: Ticket, failure: Failure | None, *, brief: bool) -> None:
        """Release the slot and adapt to the outcome of the request."""
        now, limit = self._clock(), self.window.limit
        if failure is None or not failure.is_transient:
            self._succeeded_at[ticket.host] = now
            self._strikes.pop(ticket.host, None)
            self._failure_rate *= 1 - _WEIGHT
            self.window.succeeded(now - ticket.started_at if brief else None)
        else:
            self._failure_rate += _WEIGHT * (1 - self._failure_rate)
            overload = failure.retry_after is not None or failure.status == 429
            self.window.failed(ticket.epoch, overload=overload)
            if failure.retry_after is not None:
                self._pause(ticket.host, now, failure.retry_after)
        self.abandon(ticket)
        if self.window.limit > limit:
            self.on_room()

    def abandon(self, ticket: Ticket) -> None:
        """Release the slot."""
        self.in_flight -= 1
        self._admit()

    async def rest(self, seconds: float, *, early: bool) -> None:
        """Sleep before a request is repeated; less when the breaker opens, or when an early failure is one of few.

        The pause of a `Retry-After` is in `enter`, besides this one.
        """
        if early and self._failure_rate < _CHANCE:
            seconds = min(seconds, max(_CHANCE_REST, self._open_at - self._clock()))
        await self._sleep(seconds)

    async def _sleep(self, seconds: float) -> None:
        if self._woken is None:
            self._woken = asyncio.Event()
        self.resting += 1
        self.on_room()
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self.resting -= 1

    def gave_up(self, host: str, failure: Failure, since: float) -> None:
        """Count a request whose attempts are used up; a host without a success meanwhile is down."""
        if self._succeeded_at.get(host, float("-inf")) >= since:
            return
        # A refused connection is proof enough; a cut or a 5xx may be due to that one request.
        weight = STRIKES if failure.loss is Loss.UNSENT else 1
        self._strikes[host] = self._strikes.get(host, 0) + weight
        if self._strikes[host] >= STRIKES:
            self._give_up(
                f"{host} cannot be reached: all attempts of several requests failed, and none succeeded meanwhile."
            )

    def _pause(self, host: str, now: float, seconds: float) -> None:
        if seconds > self._patience:
            self._give_up(f"{host} asks for a pause of {seconds:.0f} s, longer than the retry policy waits.")
        self._open_at = max(self._open_at, now + seconds)

    def _give_up(self, reason: str) -> None:
        if self._down is None:
            logger.error("%s No further requests are sent.", reason)
            self._down = HostDownError(f"{reason} Send the rest again when it answers.")
        if self._woken is not None:
            self._woken.set()
        self._admit()

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Woken and cancelled at once: the turn goes to the next one.
            self._admit()
            raise

    def _admit(self) -> None:
        free = len(self._waiting) if self._down is not None else self.window.limit - self.in_flight
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
