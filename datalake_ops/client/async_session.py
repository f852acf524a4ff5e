"""The awaiting shell: sends operations with aiohttp; `storage` speaks to presigned addresses over the same pool."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlencode
from urllib.request import getproxies
from uuid import UUID

import aiohttp
from yarl import URL

from datalake_ops.client.admission import Gate, OpenGate
from datalake_ops.client.headers import api_headers
from datalake_ops.client.operation import Operation, Repeat
from datalake_ops.client.response_handling import Answer, Attempt, Outcome, failure_of, read_answer
from datalake_ops.client.retry import Failure, Loss, is_early
from datalake_ops.client.tls import ssl_context
from datalake_ops.client.wire_pool import NotConnectedError, Origin, WirePool, WireTimeouts, head, target_of
from datalake_ops.config import Connection, RetryPolicy

T = TypeVar("T")
_POOL_SIZE = 64
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BODILESS = frozenset({"GET", "DELETE", "HEAD"})


class AsyncSession:
    """Sends operations from one event loop over one pool of connections; use it as an async context manager.

    Raises:
        AnswerError, NetworkError: as `Session` does.
    """

    def __init__(
        self,
        connection: Connection,
        organization_id: UUID | None = None,
        *,
        pool_size: int = _POOL_SIZE,
        gate: Gate | None = None,
    ) -> None:
        self.connection = connection
        self.gate: Gate = gate or OpenGate()
        self.organization_id = organization_id
        self._pool_size = pool_size
        # Pays for few things and so takes little CPU; None where a proxy stands between.
        self.wire: WirePool | None = None
        self._origin = Origin.of(connection.host)
        self._host = target_of(connection.host)[0]
        self._wire_timeouts = WireTimeouts(connection.timeouts.connect, connection.timeouts.api)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AsyncSession:
        tls = ssl_context(self.connection.verify)
        proxied = _has_proxy()
        self.wire = None if proxied else WirePool(tls, self._pool_size)
        connector = aiohttp.TCPConnector(limit=self._pool_size, ssl=tls)
        # Proxies and their exceptions come from the environment, as with requests. Where there is none, aiohttp is not
        # told to look: it would look again, in a thread, for every request.
        self._http = aiohttp.ClientSession(
            connector=connector, trust_env=_has_proxy(), cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.wire is not None:
            self.wire.close()
        if self._http is not None:
            await self._http.close()

    @property
    def http(self) -> aiohttp.ClientSession:
        """The open aiohttp session."""
        if self._http is None:
            raise RuntimeError("An AsyncSession is used inside `async with`.")
        return self._http

    async def send(
        self,
        operation: Operation[T],
        retry: RetryPolicy | None = None,
        on_repeat: Callable[[], None] = lambda: None,
    ) -> T:
        """Send one operation and return what it reads from the answer; `retry` wins over the connection's policy.

        `on_repeat` is called before each further try.
        """
        attempt: Attempt | None = None
        while True:
            outcome, attempt = await self._try(operation, attempt, retry or self.connection.retry)
            if isinstance(outcome, Answer) and not outcome.refuses:
                return read_answer(operation, outcome)
            delay = self._delay(attempt, outcome)
            await self.gate.rest(delay, early=is_early(attempt.policy, attempt.count))
            on_repeat()

    def _delay(self, attempt: Attempt, outcome: Outcome) -> float:
        try:
            return attempt.delay_or_raise(outcome, time.monotonic(), random.random())
        except Exception:
            failure = failure_of(outcome)
            if failure.is_transient and attempt.operation.repeat is Repeat.FREELY:
                self.gate.gave_up(self._host, failure, attempt.started_at)
            raise

    async def _try(
        self, operation: Operation[Any], attempt: Attempt | None, policy: RetryPolicy
    ) -> tuple[Outcome, Attempt]:
        came_at = time.monotonic()
        ticket = await self.gate.enter(self._host)
        now = time.monotonic()
        # Behind the parts of large files the queue may be long.
        attempt = attempt or Attempt(policy, operation, now)
        attempt.queued(now - came_at)
        try:
            outcome = await self._exchange(operation)
        except BaseException:
            self.gate.abandon(ticket)
            raise
        good = isinstance(outcome, Answer) and not outcome.refuses
        self.gate.leave(ticket, None if good else failure_of(outcome), brief=True)
        return outcome, attempt

    async def _exchange(self, operation: Operation[Any]) -> Outcome:
        try:
            if self.wire is not None and self._origin is not None:
                answer = await self.wire.send(self._origin, self._written(operation), self._wire_timeouts)
                if answer.status not in _REDIRECTS:
                    return Answer(answer.status, answer.body, answer.headers.get("retry-after"))
            return await self._exchange_generally(operation)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return Failure(loss=Loss.UNSENT if _never_connected(error) else Loss.CUT), error

    def _written(self, operation: Operation[Any]) -> bytes:
        body = operation.content() or b""
        target = f"{operation.path}?{urlencode(operation.query)}" if operation.query else operation.path
        headers = {"Host": self._host, "Accept": "*/*", "Accept-Encoding": "gzip, deflate", **self._headers(operation)}
        if body or operation.method not in _BODILESS:
            headers["Content-Length"] = str(len(body))
        return head(operation.method, target, headers) + body

    async def _exchange_generally(self, operation: Operation[Any]) -> Answer:
        timeouts = self.connection.timeouts
        async with self.http.request(
            operation.method,
            URL(self.connection.host + operation.path, encoded=True),
            params=operation.query or None,
            data=operation.content(),
            headers=self._headers(operation),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect, sock_read=timeouts.api),
        ) as response:
            return Answer(response.status, await response.read(), response.headers.get("Retry-After"))

    def _headers(self, operation: Operation[Any]) -> dict[str, str]:
        headers = api_headers(self.connection, self.organization_id)
        headers.update(operation.headers)
        return headers


def _has_proxy() -> bool:
    return bool(getproxies().keys() - {"no"})


def _never_connected(error: Exception) -> bool:
    return isinstance(error, (NotConnectedError, aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError))
