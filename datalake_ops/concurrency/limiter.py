"""How many requests of one engine are under way: as many as the platform and this machine take well, and no more."""

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
# Enough to hide a network's round trips; more connections than this mostly wait for one another.
DEFAULT_WORKERS = 128
# Requests that gave up, one after another with no good answer between them, after which a host counts as down.
STRIKES = 3
# Failures among so few answers are chance, and who failed takes its turn again soon; one whose tries come to an end
# all the same has met more than chance, and gets the policy's patience.
_CHANCE = 1 / 3
_CHANCE_REST = 0.1
_WEIGHT = 0.1


class Limiter:
    """Limiter of requests in flight: an AIMD window, one shared pause after Retry-After, and a circuit breaker.

    `patience` is the longest pause, in seconds, that is waited for; a platform that asks for more is given up, as one
    request's policy would.
    """

    def __init__(
        self,
        cap: int,
        patience: float = float("inf"),
        *,
        first: int = FIRST_LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pace = AimdWindow(cap, first)
        self.under_way = 0
        self.resting = 0
        # Called whenever there may be more room than before.
        self.on_room: Callable[[], None] = lambda: None
        self._patience = patience
        self._clock = clock
        self._open_at = 0.0
        self._troubled = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._good_at: dict[str, float] = {}
        self._strikes: dict[str, int] = {}
        self._down: HostDownError | None = None
        self._woken: asyncio.Event | None = None

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return self.pace.limit

    @property
    def down(self) -> HostDownError | None:
        """Why no request will pass any more; None while they do."""
        return self._down

    async def enter(self, host: str) -> Ticket:
        """Wait for a slot and for the end of a pause.

        Raises:
            HostDownError: the circuit breaker is open.
        """
        while True:
            if self._down is not None:
                # Another one each time: an exception that is raised again and again keeps every frame it passed.
                raise HostDownError(str(self._down))
            pause = self._open_at - self._clock()
            if pause > 0:
                await self._sleep(pause)
            elif self.under_way >= self.pace.limit:
                await self._wait()
            else:
                break
        self.under_way += 1
        return Ticket(host, self._clock(), self.pace.epoch)

    def leave(self, ticket: Ticket, failure: Failure | None, *, brief: bool) -> None:
        """Give the slot back and learn from how the request ended."""
        now, limit = self._clock(), self.pace.limit
        if failure is None or not failure.is_transient:
            self._good_at[ticket.host] = now
            self._strikes.pop(ticket.host, None)
            self._troubled *= 1 - _WEIGHT
            self.pace.good(now - ticket.started_at if brief else None)
        else:
            self._troubled += _WEIGHT * (1 - self._troubled)
            asked = failure.retry_after is not None or failure.status == 429
            self.pace.trouble(ticket.epoch, overload=asked)
            if failure.retry_after is not None:
                self._pause(ticket.host, now, failure.retry_after)
        self.abandon(ticket)
        if self.pace.limit > limit:
            self.on_room()

    def abandon(self, ticket: Ticket) -> None:
        """Give the slot back."""
        self.under_way -= 1
        self._admit()

    async def rest(self, seconds: float, *, early: bool) -> None:
        """Sleep; returns sooner when the breaker opens, and when an early failure is one of few and so mere chance.

        What a `Retry-After` asks for is waited for in `enter`, whatever is slept here.
        """
        if early and self._troubled < _CHANCE:
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
        """Count a request that was repeated in vain; a host that nobody reached meanwhile is down."""
        if self._good_at.get(host, float("-inf")) >= since:
            return
        # To find nobody there is proof enough; a cut or a 5xx may be about what that one request asked.
        weight = STRIKES if failure.loss is Loss.UNSENT else 1
        self._strikes[host] = self._strikes.get(host, 0) + weight
        if self._strikes[host] >= STRIKES:
            self._give_up(f"{host} cannot be reached: requests were repeated in vain, and none was answered meanwhile.")

    def _pause(self, host: str, now: float, seconds: float) -> None:
        if seconds > self._patience:
            self._give_up(f"{host} asks to be left alone for {seconds:.0f} s, longer than the retry policy waits.")
        self._open_at = max(self._open_at, now + seconds)

    def _give_up(self, reason: str) -> None:
        if self._down is None:
            logger.error("%s The rest is not tried.", reason)
            self._down = HostDownError(f"{reason} What was not sent can be sent when it answers again.")
        if self._woken is not None:
            self._woken.set()
        self._admit()

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Woken and cancelled at once: the turn is somebody else's.
            self._admit()
            raise

    def _admit(self) -> None:
        free = len(self._waiting) if self._down is not None else self.pace.limit - self.under_way
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
