from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from datalake_ops.client.transport.address import Origin, header_lines
from datalake_ops.client.transport.connection_pool import (
    ConnectionPool,
    ConnectionTimeouts,
    HttpRequest,
    HttpResponse,
    NotConnectedError,
)
from datalake_ops.client.transport.response_reader import HttpProtocolError, ResponseReader
from datalake_ops.concurrency import loop_thread

T = TypeVar("T")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loop = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]
PATIENT = ConnectionTimeouts(connect=5, read=5)
LOOPS: dict[str, Loop] = {"own": loop_thread.run, "asyncio": lambda main: asyncio.run(main())}


def a_pool(size: int = 4) -> ConnectionPool:
    return ConnectionPool(size, ssl.create_default_context, lambda url: None)


def a_request(
    origin: Origin, body: bytes | AsyncIterator[bytes] = b"", size: int = 0, method: str = "GET"
) -> HttpRequest:
    size = len(body) if isinstance(body, bytes) else size
    lines = header_lines({"Host": "h", "Content-Length": str(size)} if size else {"Host": "h"})
    return HttpRequest(method, origin, "/", lines, body, size)


def served(
    serve: Serve, use: Callable[[ConnectionPool, Origin], Coroutine[Any, Any, T]], loop: Loop = LOOPS["own"]
) -> tuple[T, int]:
    """The result of `use` beside a server, and how many connections the server met."""
    connections = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def main() -> T:
        server = await asyncio.start_server(counted, "127.0.0.1", 0)
        pool = a_pool()
        try:
            return await use(pool, Origin("127.0.0.1", server.sockets[0].getsockname()[1], False))
        finally:
            await pool.close()
            server.close()

    return loop(lambda: asyncio.wait_for(main(), 60)), connections


def asked(
    serve: Serve, times: int = 1, timeouts: ConnectionTimeouts = PATIENT, method: str = "GET", loop: Loop = LOOPS["own"]
) -> tuple[list[HttpResponse], int]:
    async def use(pool: ConnectionPool, origin: Origin) -> list[HttpResponse]:
        return [await pool.send(a_request(origin, method=method), timeouts) for _ in range(times)]

    return served(serve, use, loop)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # The pool tells nobody.
        await asyncio.sleep(0.001)


def saying(answer: bytes, cuts: tuple[int, ...] = (), *, then_close: bool = False) -> Serve:
    """Answers every request so, in pieces that end at `cuts`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for start, end in zip((0, *cuts), (*cuts, len(answer)), strict=True):
                writer.write(answer[start:end])
                await writer.drain()
                await asyncio.sleep(0.001 if cuts else 0)
            if then_close:
                return

    return serve


FORMS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwh\r\n3;x=y\r\nole\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\nTrailer: t\r\n\r\n",
    b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
]


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=8, deadline=None)
@given(data=some.data())
def test_a_response_is_whole_however_it_is_cut_into_pieces(form: bytes, loop: Loop, data: some.DataObject) -> None:
    cuts = tuple(sorted(data.draw(some.sets(some.integers(1, len(form) - 1), max_size=6))))

    answers, connections = asked(saying(form, cuts), 2, loop=loop)

    assert [(one.status, one.body) for one in answers] == [(200, b"whole")] * 2
    assert connections == 1


def test_the_own_loop_is_uvloop_where_there_is_one() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def which() -> type[object]:
        return type(asyncio.get_running_loop())

    assert loop_thread.run(which) is uvloop.Loop


INVALID = {
    "a negative chunk size": b"Transfer-Encoding: chunked\r\n\r\n-5\r\nwhole\r\n0\r\n\r\n",
    "a chunk size beyond any number": b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\nwhole\r\n0\r\n\r\n",
    "a chunk size that is no number": b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nwhole\r\n0\r\n\r\n",
    "a negative length": b"Content-Length: -5\r\n\r\nwhole",
    "a length that is no number": b"Content-Length: five\r\n\r\nwhole",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 3\r\n\r\nwhole",
    "two lengths in one field": b"Content-Length: 5, 3\r\n\r\nwhole",
    "a length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n",
    "an endless head": b"X: " + b"x" * 200_000 + b"\r\n\r\n",
    "a gzip body that is none": b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nwhole",
}


@pytest.mark.parametrize("rest", INVALID.values(), ids=INVALID)
def test_an_invalid_response_is_an_error_at_once(rest: bytes) -> None:
    started = time.monotonic()

    with pytest.raises(HttpProtocolError):
        asked(saying(b"HTTP/1.1 200 OK\r\n" + rest), timeouts=ConnectionTimeouts(30, 30))

    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "start",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_another_protocol_is_an_error(start: bytes) -> None:
    with pytest.raises(HttpProtocolError):
        asked(saying(start))


def test_a_chunked_response_of_4_mb_is_kept_in_its_pieces_until_it_is_whole() -> None:
    # A body that grows by copies costs time that is quadratic in its length (benchmarks/chunked_response.py).
    piece = b"4000\r\n" + bytes(16384) + b"\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + piece * 256 + b"0\r\n\r\n"
    reader = ResponseReader()

    for start in range(0, len(answer), 16384):
        reader.feed(answer[start : start + 16384])

    assert reader.complete
    assert len(reader.pieces) >= 256
    assert len(HttpResponse(reader).body) == 256 * 16384


def test_packed_responses_are_unpacked() -> None:
    body = gzip.compress(b"who") + gzip.compress(b"le")
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    assert asked(saying(answer))[0][0].body == b"whole"


def test_a_response_to_head_has_no_body() -> None:
    answers, connections = asked(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), 2, method="HEAD")

    assert [one.body for one in answers] == [b"", b""]
    assert connections == 1


def test_a_response_without_a_length_ends_with_its_connection() -> None:
    answers, connections = asked(saying(b"HTTP/1.1 200 OK\r\n\r\nwhole", then_close=True), 2)

    assert [one.body for one in answers] == [b"whole"] * 2
    assert connections == 2


def test_what_follows_a_response_ends_its_connection() -> None:
    answers, connections = asked(saying(FORMS[0] + b"surplus"), 2)

    assert [one.body for one in answers] == [b"whole"] * 2
    assert connections == 2


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_half_a_response_is_a_lost_connection(answer: bytes) -> None:
    with pytest.raises(ConnectionError) as caught:
        asked(saying(answer, then_close=True))

    assert not isinstance(caught.value, NotConnectedError)


def test_an_idle_connection_that_the_server_closed_is_not_used_again() -> None:
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(FORMS[0])
        await writer.drain()
        writer.close()
        closed.set()

    async def use(pool: ConnectionPool, origin: Origin) -> list[int]:
        statuses = []
        for _ in range(3):
            closed.clear()
            statuses.append((await pool.send(a_request(origin), PATIENT)).status)
            await closed.wait()
            await until(lambda: not pool._all)
        return statuses

    assert served(serve, use) == ([200, 200, 200], 3)


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_silence_ends_with_a_time_out(loop: Loop) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    with pytest.raises(TimeoutError):
        asked(serve, timeouts=ConnectionTimeouts(5, 0.2), loop=loop)


def test_a_response_may_take_longer_than_the_time_out_while_its_pieces_come() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in FORMS[0]:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    assert asked(serve, timeouts=ConnectionTimeouts(5, 1))[0][0].body == b"whole"


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_slow_reader_is_waited_for_as_long_as_it_reads(loop: Loop) -> None:
    body = bytes(12 << 20)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(len(body) // (1 << 19)):
            await reader.readexactly(1 << 19)
            await asyncio.sleep(0.15)
        writer.write(FORMS[0])
        await writer.drain()

    async def use(pool: ConnectionPool, origin: Origin) -> bytes:
        return (await pool.send(a_request(origin, body, method="POST"), ConnectionTimeouts(5, 2))).body

    assert served(serve, use, loop)[0] == b"whole"


def test_a_server_that_stops_to_read_is_given_up() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(30)

    async def use(pool: ConnectionPool, origin: Origin) -> None:
        await pool.send(a_request(origin, bytes(64 << 20), method="PUT"), ConnectionTimeouts(5, 0.5))

    with pytest.raises(TimeoutError):
        served(serve, use)


def test_a_server_may_refuse_a_body_before_it_has_read_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 16)
            await asyncio.sleep(0)

    async def use(pool: ConnectionPool, origin: Origin) -> int:
        return (await pool.send(a_request(origin, endless(), 1 << 40, "PUT"), PATIENT)).status

    assert served(serve, use)[0] == 413


def test_a_body_that_ends_early_is_no_success() -> None:
    async def short() -> AsyncIterator[bytes]:
        yield b"half"

    async def use(pool: ConnectionPool, origin: Origin) -> None:
        await pool.send(a_request(origin, short(), 8, "PUT"), PATIENT)

    with pytest.raises(ValueError, match="4 bytes, 8 were announced"):
        served(saying(FORMS[0]), use)


def test_a_cancelled_request_leaves_no_connection_to_be_used_again() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if await reader.read(1):  # never answers the first request; the second comes on another connection
            raise AssertionError

    async def use(pool: ConnectionPool, origin: Origin) -> int:
        sending = asyncio.create_task(pool.send(a_request(origin), PATIENT))
        await until(lambda: any(one.is_busy for one in pool._all))
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await until(lambda: not pool._all)
        return len(pool._idle)

    assert served(serve, use)[0] == 0


def test_a_streamed_response_holds_the_server_back_while_nobody_reads() -> None:
    size, sent = 64 << 20, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(1 << 20))
            await writer.drain()
            sent += 1 << 20

    async def use(pool: ConnectionPool, origin: Origin) -> tuple[int, int]:
        async with pool.open(a_request(origin), PATIENT) as response:
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.3)
            return before, sum([len(piece) async for piece in response.pieces()])

    (held, received), _ = served(serve, use)

    assert held < size // 2
    assert received == size


def test_nobody_there_means_that_nothing_was_sent() -> None:
    async def main() -> None:
        await a_pool().send(a_request(Origin("127.0.0.1", 9, False)), PATIENT)

    with pytest.raises(NotConnectedError):
        loop_thread.run(main)


def test_a_host_that_has_no_address_means_that_nothing_was_sent() -> None:
    async def main() -> None:
        await a_pool().send(a_request(Origin("no-such-host.invalid", 80, False)), PATIENT)

    with pytest.raises(NotConnectedError):
        loop_thread.run(main)
