"""The awaiting shell: sends operations over a pool of connections; `presigned` sends over the same pool."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin
from uuid import UUID

from datalake_ops.client.admission import Gate, OpenGate
from datalake_ops.client.headers import api_headers
from datalake_ops.client.operation import Operation, Repeat
from datalake_ops.client.response_handling import Answer, Attempt, Outcome, failure_of, read_answer
from datalake_ops.client.retry import Failure, Loss, is_early
from datalake_ops.client.transport.address import Origin, encoded_target, header_lines, host_header, request_target
from datalake_ops.client.transport.connection_pool import (
    ConnectionPool,
    ConnectionTimeouts,
    HttpRequest,
    HttpResponse,
    NotConnectedError,
)
from datalake_ops.client.transport.network_rules import proxy_for, tls_context, trusted_authorities, warn_if_unverified
from datalake_ops.config import Connection, RetryPolicy

T = TypeVar("T")
_POOL_SIZE = 64
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LONGEST_REDIRECTION = 10
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
        self._pool: ConnectionPool | None = None
        self._origin = Origin.of(connection.host)
        self._host = host_header(connection.host)
        self._timeouts = ConnectionTimeouts(connection.timeouts.connect, connection.timeouts.api)
        # Most requests have these lines and no others.
        self._lines = header_lines(self._shared_headers())

    async def __aenter__(self) -> AsyncSession:
        host, verify = self.connection.host, self.connection.verify
        trusted_authorities(verify)
        proxy_for(host)
        warn_if_unverified(host, verify)
        self._pool = ConnectionPool(self._pool_size, partial(tls_context, verify), proxy_for)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            await self._pool.close()

    @property
    def pool(self) -> ConnectionPool:
        """The open pool of connections."""
        if self._pool is None:
            raise RuntimeError("An AsyncSession is used inside `async with`.")
        return self._pool

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
            response = await self.pool.send(self._request(operation), self._timeouts)
            if response.status in REDIRECTS:
                response = await self._followed(operation, response)
        except OSError as error:
            return Failure(loss=Loss.UNSENT if isinstance(error, NotConnectedError) else Loss.CUT), error
        return Answer(response.status, response.body, response.header("Retry-After"))

    def _request(self, operation: Operation[Any]) -> HttpRequest:
        body = operation.content() or b""
        target = f"{operation.path}?{urlencode(operation.query)}" if operation.query else operation.path
        lines = self._lines
        if operation.headers:
            lines = header_lines({**self._shared_headers(), **operation.headers})
        if body or operation.method not in _BODILESS:
            lines = f"{lines}Content-Length: {len(body)}\r\n"
        return HttpRequest(operation.method, self._origin, encoded_target(target), lines, body, len(body))

    async def _followed(self, operation: Operation[Any], response: HttpResponse) -> HttpResponse:
        method, body, url = operation.method, operation.content() or b"", self.connection.host + operation.path
        headers = {**self._shared_headers(), **operation.headers}
        for _ in range(LONGEST_REDIRECTION):
            location = response.header("Location")
            if response.status not in REDIRECTS or not location:
                return response
            url = urljoin(url, location)
            if response.status == 303 or (response.status in (301, 302) and method == "POST"):
                method, body = "GET", b""
            origin = _origin_of(url)
            if origin != self._origin:
                # The token is for the connection's host alone.
                headers.pop("Authorization", None)
            headers["Host"] = host_header(url)
            headers.pop("Content-Length", None)
            if body or method not in _BODILESS:
                headers["Content-Length"] = str(len(body))
            request = HttpRequest(method, origin, request_target(url), header_lines(headers), body, len(body))
            response = await self.pool.send(request, self._timeouts)
        raise ConnectionError(f"more than {LONGEST_REDIRECTION} redirections")

    def _shared_headers(self) -> dict[str, str]:
        fixed = {"Host": self._host, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        return {**fixed, **api_headers(self.connection, self.organization_id)}


def _origin_of(url: str) -> Origin:
    try:
        return Origin.of(url)
    except ValueError as error:
        raise ConnectionError(f"a redirection to an address that is no http address ({error})") from error
