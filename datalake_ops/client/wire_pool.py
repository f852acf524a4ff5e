"""A pool of connections for requests that are written whole and whose answers are read whole."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from datalake_ops.client.wire_protocol import RawAnswer, WireProtocol

# Seconds after which an idle connection is not used again: servers close theirs.
_IDLE = 15.0
_SWEEP = 0.5


class NotConnectedError(ConnectionError):
    """No connection, so nothing was sent."""


@dataclass(frozen=True)
class WireTimeouts:
    """Seconds to wait for a connection, and for each piece of an answer."""

    connect: float
    read: float


@dataclass(frozen=True)
class Origin:
    """Where a connection leads."""

    host: str
    port: int
    secure: bool

    @classmethod
    def of(cls, url: str) -> Origin | None:
        """The origin of an address; None for addresses that need a general HTTP client."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        if parts.scheme not in ("http", "https") or "@" in parts.netloc or not url.isascii() or not parts.hostname:
            return None
        return cls(parts.hostname, parts.port or (443 if secure else 80), secure)


def target_of(url: str) -> tuple[str, str]:
    """Host header and request target of an address, both to the letter."""
    parts = urlsplit(url)
    target = parts.path or "/"
    return parts.netloc, f"{target}?{parts.query}" if parts.query else target


class WirePool:
    """Connections that are kept alive and given out one request at a time; at most `size` requests together."""

    def __init__(self, tls: ssl.SSLContext | bool, size: int) -> None:
        self._given_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._slots = asyncio.Semaphore(size)
        self._idle: dict[Origin, list[WireProtocol]] = {}
        self._all: set[WireProtocol] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def send(self, origin: Origin, request: bytes, timeouts: WireTimeouts) -> RawAnswer:
        """Send the bytes of one request and return its answer.

        Raises:
            NotConnectedError: nothing was sent.
            ConnectionError, TimeoutError: it was sent, and the answer did not come whole.
        """
        async with self._slots:
            wire = self._taken(origin) or await self._connected(origin, timeouts.connect)
            self._watch(timeouts.read)
            try:
                answer = await wire.exchange(request, timeouts.read)
            except BaseException:
                self._drop(wire)
                raise
            if wire.reusable and wire.is_open:
                self._idle.setdefault(origin, []).append(wire)
            else:
                self._drop(wire)
            return answer

    def close(self) -> None:
        """End all connections."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for wire in self._all:
            wire.close()

    def _taken(self, origin: Origin) -> WireProtocol | None:
        idle = self._idle.get(origin)
        while idle:
            wire = idle.pop()
            if wire.is_open and self._loop.time() - wire.last_active_at < _IDLE:
                return wire
            self._drop(wire)
        return None

    async def _connected(self, origin: Origin, timeout: float) -> WireProtocol:
        if origin.secure and self._tls is None:
            # Made at first use, for it reads every certificate authority of the machine.
            self._tls = _context(self._given_tls)
        tls = self._tls if origin.secure else None
        connecting = self._loop.create_connection(
            WireProtocol, origin.host, origin.port, ssl=tls, happy_eyeballs_delay=0.25
        )
        try:
            _, wire = await asyncio.wait_for(connecting, timeout)
        except (TimeoutError, OSError) as error:
            reason = str(error) or "not in time"
            raise NotConnectedError(f"no connection to {origin.host}:{origin.port} ({reason})") from error
        self._all.add(wire)
        return wire

    def _drop(self, wire: WireProtocol) -> None:
        self._all.discard(wire)
        wire.close()

    def _watch(self, timeout: float) -> None:
        # One timer for all connections: a timer per request costs more than the request's parsing.
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(min(_SWEEP, timeout / 4), self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        now = self._loop.time()
        busy = [wire for wire in self._all if wire.is_busy]
        for wire in busy:
            wire.expire(now)
        if busy:
            self._watch(min(wire.timeout or _SWEEP for wire in busy))


def head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request.

    Raises:
        ValueError: a line break in a value, which would begin another header.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if not lines.count("\n") == lines.count("\r") == len(headers) or "\r" in target or "\n" in target or " " in target:
        raise ValueError("A header or a target holds a line break or a space.")
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def _context(tls: ssl.SSLContext | bool) -> ssl.SSLContext:
    if isinstance(tls, ssl.SSLContext):
        return tls
    context = ssl.create_default_context()
    if not tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
