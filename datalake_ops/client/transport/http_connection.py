"""One connection to a server or proxy: writes a request and reads its response, one after the other."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from datalake_ops.client.transport.response_reader import ResponseReader

# Bytes of a streamed body that wait for their reader before the server is held back.
_READ_AHEAD = 1024 * 1024


class HttpConnection(asyncio.Protocol):
    """Protocol of one connection.

    A request is begun with `exchange`, its body continued with `write`. The future of `exchange` ends with the response
    when that is whole, or when its head is, for one that is streamed and then read with `read_piece`.
    """

    def __init__(self, on_lost: Callable[[HttpConnection], None]) -> None:
        self._on_lost = on_lost
        self.last_active_at = 0.0
        self.is_sending = False  # more of the request's body is to come
        self.timeout = 0.0
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._reader: ResponseReader | None = None
        self._answer: asyncio.Future[ResponseReader] | None = None
        self._is_streamed = False
        self._error: Exception | None = None
        self._written = self._taken = 0
        self._write_paused = self._read_paused = False
        # Ends when what `drain` or `read_piece` waits for may have come.
        self._turn: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        """True while neither side is known to have ended the connection."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_busy(self) -> bool:
        """True while a response is awaited or read."""
        return self._reader is not None

    def exchange(
        self, data: bytes, timeout: float, *, streamed: bool = False, without_body: bool = False
    ) -> asyncio.Future[ResponseReader]:
        """Write a request, or the first part of one.

        `timeout` is the longest silence in seconds: the server neither takes some of what was written nor sends.

        Raises:
            ConnectionError: the connection is closed; nothing was written.
        """
        if self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self.timeout = timeout
        self.last_active_at = self._loop.time()
        self._is_streamed = streamed
        self._reader = ResponseReader(without_body)
        self._answer = answer = self._loop.create_future()
        self.write(data)
        return answer

    def write(self, data: bytes | memoryview) -> None:
        """Write bytes; `drain` waits until the server has taken most of them."""
        if self._transport is not None:
            self._written += len(data)
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until more may be written, or until there is no use in it: the response or the end of all came."""
        while self._write_paused and self._answer is not None and not self._answer.done():
            await self._wait()

    async def read_piece(self) -> bytes:
        """Return the next bytes of a streamed response, and b"" after the last.

        Raises:
            ConnectionError, TimeoutError: the body did not come whole.
        """
        reader = self._reader
        if reader is None:
            raise RuntimeError("No response is read.")
        while not reader.pieces and not reader.complete:
            if self._error is not None:
                raise self._error
            await self._wait()
        piece = reader.take()
        if self._read_paused and self._transport is not None:
            self._read_paused = False
            self.last_active_at = self._loop.time()
            self._transport.resume_reading()
        return piece

    def release(self) -> bool:
        """End the exchange; return True if the connection can carry another one."""
        reader, answer, self._reader, self._answer = self._reader, self._answer, None, None
        if answer is not None and not answer.cancel() and not answer.cancelled():
            # The end of the exchange is known by another error; this one is not to be logged as never looked at.
            answer.exception()
        return reader is not None and reader.complete and reader.reusable and not self.is_sending and self.is_open

    def abort(self) -> None:
        """End the connection at once, without waiting for what is unsent."""
        if self._transport is not None:
            self._transport.abort()

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS, after a proxy opened the way to the server."""
        if self._transport is None:
            raise ConnectionResetError("the proxy closed the connection")
        transport = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        if transport is None:
            raise ConnectionResetError("the proxy closed the connection")
        self._transport = transport

    def expire(self, now: float) -> None:
        """Fail the exchange if neither side moved a byte for its timeout (`now`: the loop's clock)."""
        if self._transport is None:
            return
        taken = self._written - self._transport.get_write_buffer_size()
        waits_for_us = (self.is_sending and not self._write_paused) or self._read_paused
        if taken > self._taken or waits_for_us:
            self.last_active_at = now
        self._taken = taken
        if self._reader is not None and not self._reader.complete and now - self.last_active_at > self.timeout:
            self._fail(TimeoutError(f"nothing came for {self.timeout:g} s"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; some responses end with it."""
        self._transport = None
        self._on_lost(self)
        if self._reader is None or self._reader.complete:
            return
        if self._reader.end():
            self._advance(self._reader)
        else:
            self._fail(ConnectionResetError(str(exc) if exc else "the connection ended before the response"))

    def data_received(self, data: bytes) -> None:
        """Some more of the response."""
        reader = self._reader
        if reader is None or reader.complete:
            # Nobody asked for this, so the connection is out of step.
            self.abort()
            return
        self.last_active_at = self._loop.time()
        try:
            reader.feed(data)
        except ConnectionError as error:
            self._fail(error)
        else:
            self._advance(reader)

    def pause_writing(self) -> None:
        """The server is slower than the request's body."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """The server took most of what was written."""
        self._write_paused = False
        self._wake()

    def _advance(self, reader: ResponseReader) -> None:
        if not reader.complete and not (self._is_streamed and reader.has_head):
            return
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(reader)
        if self._is_streamed and reader.size > _READ_AHEAD and not reader.complete and self._transport is not None:
            self._read_paused = True
            self._transport.pause_reading()
        self._wake()

    def _fail(self, error: Exception) -> None:
        self._error = error
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self._wake()
        self.abort()

    async def _wait(self) -> None:
        self._turn = self._loop.create_future()
        try:
            await self._turn
        finally:
            self._turn = None

    def _wake(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)
