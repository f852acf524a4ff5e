"""Pool of kept-alive connections, directly to servers or through a proxy."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiohappyeyeballs import start_connection

from datalake_ops.client.transport.address import Origin, request_head
from datalake_ops.client.transport.http_connection import HttpConnection
from datalake_ops.client.transport.network_rules import Proxy
from datalake_ops.client.transport.response_reader import HttpProtocolError, ResponseReader

# Seconds after which an idle connection is not used again: servers close theirs.
_IDLE = 15.0
_SWEEP = 0.5
# Turns of the loop in which aborted connections are gone; two suffice.
_CLOSING_TURNS = 20
# Seconds that one address of a host is ahead of the next (RFC 8305).
_NEXT_ADDRESS = 0.25
# A longer body is written in slices, so that a slow server is seen to take them.
_SLICE = 64 * 1024


class NotConnectedError(ConnectionError):
    """No connection to the server, so nothing was sent to it."""


@dataclass(frozen=True)
class ConnectionTimeouts:
    """Seconds to wait for a connection, and for each piece of a request or response to move on."""

    connect: float
    read: float


class HttpRequest(NamedTuple):
    """A request: where to, the header fields as lines (`header_lines`), and the body with its length in bytes."""

    method: str
    origin: Origin
    target: str
    lines: str
    body: bytes | AsyncIterable[bytes] = b""
    size: int = 0

    def __repr__(self) -> str:
        # The target may be signed, and the lines hold the token.
        return f"HttpRequest({self.method!r}, {self.origin!r})"


class HttpResponse:
    """A response that was read whole; `body` is without content encoding."""

    __slots__ = ("_reader", "body", "status")

    def __init__(self, reader: ResponseReader) -> None:
        self._reader = reader
        self.status = reader.status
        body = reader.take()
        decode = reader.decoder() if body else None
        self.body = body if decode is None else _decoded(decode, body)

    def header(self, name: str) -> str | None:
        """Return a header field; None if the response has none of that name."""
        return self._reader.header(name)

    def headers(self) -> dict[str, str]:
        """Return all header fields, with lower-case names."""
        return _headers(self._reader)


class StreamedResponse:
    """A response whose body is read piece by piece."""

    def __init__(self, connection: HttpConnection, reader: ResponseReader) -> None:
        self.status = reader.status
        self._connection = connection
        self._reader = reader

    def headers(self) -> dict[str, str]:
        """Return all header fields, with lower-case names."""
        return _headers(self._reader)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body without content encoding, in pieces of any length."""
        decode = self._reader.decoder()
        while piece := await self._connection.read_piece():
            if decode is not None:
                piece = _decoded(decode, piece)
            if piece:
                yield piece


class ConnectionPool:
    """Connections that carry one request at a time; at most `size` requests together.

    `context` makes the TLS context at first use, for it reads every certificate authority of the machine; `proxy_for`
    tells the proxy of an origin, if any.

    Raises:
        NotConnectedError: nothing was sent.
        ConnectionError, TimeoutError: the request may have been read, and the response did not come whole.
    """

    def __init__(
        self, size: int, context: Callable[[], ssl.SSLContext], proxy_for: Callable[[str], Proxy | None]
    ) -> None:
        self._slots = asyncio.Semaphore(size)
        self._make_context = context
        self._context: ssl.SSLContext | None = None
        self._proxy_for = proxy_for
        self._proxies: dict[Origin, Proxy | None] = {}
        self._idle: dict[Origin, list[HttpConnection]] = {}
        self._all: set[HttpConnection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def send(self, request: HttpRequest, timeouts: ConnectionTimeouts) -> HttpResponse:
        """Send a request and return its response, read whole."""
        async with self._slots:
            connection = self._idle_connection(request.origin) or await self._new_connection(request.origin, timeouts)
            try:
                response = HttpResponse(await self._exchange(connection, request, timeouts, streamed=False))
            except BaseException:
                self._drop(connection)
                raise
            self._give_back(request.origin, connection)
            return response

    @asynccontextmanager
    async def open(self, request: HttpRequest, timeouts: ConnectionTimeouts) -> AsyncIterator[StreamedResponse]:
        """Send a request and yield its response once the head has come; what is unread at the end is not waited for."""
        async with self._slots:
            connection = self._idle_connection(request.origin) or await self._new_connection(request.origin, timeouts)
            try:
                yield StreamedResponse(connection, await self._exchange(connection, request, timeouts, streamed=True))
            except BaseException:
                self._drop(connection)
                raise
            self._give_back(request.origin, connection)

    async def close(self) -> None:
        """End all connections, and let the loop take leave of each."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in self._all:
            connection.abort()
        for _ in range(_CLOSING_TURNS):
            await asyncio.sleep(0)
            if not self._all:
                break

    async def _exchange(
        self, connection: HttpConnection, request: HttpRequest, timeouts: ConnectionTimeouts, *, streamed: bool
    ) -> ResponseReader:
        head, body = self._head(request), request.body
        whole = isinstance(body, bytes) and len(body) <= _SLICE
        self._watch(timeouts.read)
        connection.is_sending = not whole
        answer = connection.exchange(
            head + body if whole else head,  # type: ignore[operator]  # `whole` says that it is bytes
            timeouts.read,
            streamed=streamed,
            without_body=request.method == "HEAD",
        )
        if not whole:
            await _write_body(connection, request, answer)
        return await answer

    def _head(self, request: HttpRequest) -> bytes:
        proxy = self._proxies.get(request.origin)
        if proxy is None or request.origin.secure:
            return request_head(request.method, request.target, request.lines)
        # A proxy gets the whole address of what it is to fetch.
        return request_head(request.method, request.origin.url + request.target, request.lines + proxy.lines)

    def _idle_connection(self, origin: Origin) -> HttpConnection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_open and self._loop.time() - connection.last_active_at < _IDLE:
                return connection
            self._drop(connection)
        return None

    async def _new_connection(self, origin: Origin, timeouts: ConnectionTimeouts) -> HttpConnection:
        if origin not in self._proxies:
            self._proxies[origin] = self._proxy_for(origin.url)
        try:
            async with asyncio.timeout(timeouts.connect):
                return await self._connect(origin, self._proxies[origin])
        except (OSError, HttpProtocolError) as error:
            reason = str(error) or "not in time"
            raise NotConnectedError(f"no connection to {origin.authority} ({reason})") from error

    async def _connect(self, origin: Origin, proxy: Proxy | None) -> HttpConnection:
        first = origin if proxy is None else proxy.origin
        addresses = await self._loop.getaddrinfo(first.host, first.port, type=1)  # SOCK_STREAM
        sock = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS, interleave=1, loop=self._loop)
        tls: dict[str, Any] = {"ssl": self._tls(), "server_hostname": first.host} if first.secure else {}
        try:
            _, connection = await self._loop.create_connection(self._protocol, sock=sock, **tls)
        except BaseException:
            sock.close()
            raise
        if proxy is not None and origin.secure:
            try:
                await self._tunnel(connection, origin, proxy)
            except BaseException:
                self._drop(connection)
                raise
        return connection

    async def _tunnel(self, connection: HttpConnection, origin: Origin, proxy: Proxy) -> None:
        lines = f"Host: {origin.authority}\r\n{proxy.lines}"
        # Ends with the time that is left for the whole connection.
        answer = connection.exchange(request_head("CONNECT", origin.authority, lines), float("inf"), without_body=True)
        status = (await answer).status
        connection.release()
        if not 200 <= status < 300:
            raise ConnectionRefusedError(f"the proxy {proxy.origin.authority} answered {status}")
        await connection.start_tls(self._tls(), origin.host)

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._make_context()
        return self._context

    def _give_back(self, origin: Origin, connection: HttpConnection) -> None:
        if connection.release():
            self._idle.setdefault(origin, []).append(connection)
        else:
            self._drop(connection)

    def _drop(self, connection: HttpConnection) -> None:
        connection.release()
        connection.abort()

    def _protocol(self) -> HttpConnection:
        connection = HttpConnection(self._all.discard)
        self._all.add(connection)
        return connection

    def _watch(self, timeout: float) -> None:
        # One timer for all connections: a timer per request costs more than the request's parsing.
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(min(_SWEEP, timeout / 4), self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        now = self._loop.time()
        busy = [connection for connection in self._all if connection.is_busy]
        for connection in busy:
            connection.expire(now)
        if busy:
            self._watch(min(connection.timeout for connection in busy))


async def _write_body(connection: HttpConnection, request: HttpRequest, answer: asyncio.Future[ResponseReader]) -> None:
    sent = 0
    async with aclosing(_slices(request.body)) as slices:
        async for piece in slices:
            if answer.done():
                # A server may refuse before it has read everything, and then reads no more of it.
                return
            sent += len(piece)
            connection.write(piece)
            await connection.drain()
    if sent != request.size:
        raise ValueError(f"The body has {sent} bytes, {request.size} were announced.")
    connection.is_sending = False


async def _slices(body: bytes | AsyncIterable[bytes]) -> AsyncGenerator[memoryview, None]:
    if isinstance(body, bytes):
        for piece in _cut(body):
            yield piece
        return
    async for part in body:
        for piece in _cut(part):
            yield piece


def _cut(data: bytes) -> list[memoryview]:
    view = memoryview(data)
    return [view[start : start + _SLICE] for start in range(0, len(view), _SLICE)]


def _headers(reader: ResponseReader) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reader.fields.items()}


def _decoded(decode: Callable[[bytes], bytes], piece: bytes) -> bytes:
    try:
        return decode(piece)
    except zlib.error as error:
        raise HttpProtocolError(f"the response cannot be unpacked ({error})") from error
