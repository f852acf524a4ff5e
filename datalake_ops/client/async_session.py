"""The awaiting shell: sends operations with aiohttp; `storage` speaks to presigned addresses over the same pool."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from types import TracebackType
from typing import Any, TypeVar
from urllib.request import getproxies
from uuid import UUID

import aiohttp
from yarl import URL

from datalake_ops.client.headers import api_headers
from datalake_ops.client.operation import Operation
from datalake_ops.client.outcome import Answer, Attempt, read_answer
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.config import Connection, RetryPolicy

T = TypeVar("T")
_POOL_SIZE = 64


class AsyncSession:
    """Sends operations from one event loop over one pool of connections; use it as an async context manager.

    Raises:
        AnswerError, NetworkError: as `Session` does.
    """

    def __init__(
        self, connection: Connection, organization_id: UUID | None = None, *, pool_size: int = _POOL_SIZE
    ) -> None:
        self.connection = connection
        self.organization_id = organization_id
        self._pool_size = pool_size
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AsyncSession:
        connector = aiohttp.TCPConnector(limit=self._pool_size, ssl=_tls(self.connection.verify))
        # Proxies and their exceptions come from the environment, as with requests. Where there is none, aiohttp is not
        # told to look: it would look again, in a thread, for every request.
        self._http = aiohttp.ClientSession(connector=connector, trust_env=_has_proxy(), auto_decompress=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    @property
    def http(self) -> aiohttp.ClientSession:
        """The open aiohttp session."""
        if self._http is None:
            raise RuntimeError("An AsyncSession is used inside `async with`.")
        return self._http

    async def send(self, operation: Operation[T], retry: RetryPolicy | None = None) -> T:
        """Send one operation and return what it reads from the answer; `retry` wins over the connection's policy."""
        attempt = Attempt(retry or self.connection.retry, operation, time.monotonic())
        while True:
            outcome = await self._try(operation)
            if isinstance(outcome, Answer) and not outcome.refuses:
                return read_answer(operation, outcome)
            await asyncio.sleep(attempt.delay_or_raise(outcome, time.monotonic(), random.random()))

    async def _try(self, operation: Operation[Any]) -> Answer | tuple[Failure, Exception]:
        timeouts = self.connection.timeouts
        try:
            async with self.http.request(
                operation.method,
                URL(self.connection.host + operation.path, encoded=True),
                params=list(operation.query) or None,
                data=operation.content(),
                headers={**api_headers(self.connection, self.organization_id), **operation.headers},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect, sock_read=timeouts.api),
            ) as response:
                return Answer(response.status, await response.read(), response.headers.get("Retry-After"))
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            return Failure(loss=Loss.UNSENT if _never_connected(error) else Loss.CUT), error


def _has_proxy() -> bool:
    return bool(getproxies().keys() - {"no"})


def _never_connected(error: Exception) -> bool:
    return isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError))


def _tls(verify: bool | str) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify
