from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from datalake_ops.client.wire_pool import NotConnectedError, Origin, WirePool, WireTimeouts, head
from datalake_ops.client.wire_protocol import RawAnswer

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REQUEST = head("GET", "/", {"Host": "h"})
PATIENT = WireTimeouts(connect=5, read=5)


def asked(serve: Serve, *requests: bytes, timeouts: WireTimeouts = PATIENT) -> tuple[list[RawAnswer], int]:
    """The answers to requests one after another, and how many connections they took."""
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

    async def main() -> list[RawAnswer]:
        server = await asyncio.start_server(counted, "127.0.0.1", 0)
        origin = Origin("127.0.0.1", server.sockets[0].getsockname()[1], False)
        pool = WirePool(True, 4)
        try:
            return [await pool.send(origin, request, timeouts) for request in requests]
        finally:
            pool.close()
            server.close()

    return asyncio.run(asyncio.wait_for(main(), 20)), connections


def saying(answer: bytes, cuts: tuple[int, ...] = ()) -> Serve:
    """Answers every request so, in pieces that end at `cuts`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for start, end in zip((0, *cuts), (*cuts, len(answer)), strict=True):
                writer.write(answer[start:end])
                await writer.drain()
                await asyncio.sleep(0.001 if cuts else 0)

    return serve


FORMS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwh\r\n3;x=y\r\nole\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\nTrailer: t\r\n\r\n",
    b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15, deadline=None)
@given(data=some.data())
def test_an_answer_is_whole_however_it_is_cut_into_pieces(form: bytes, data: some.DataObject) -> None:
    cuts = tuple(sorted(data.draw(some.sets(some.integers(1, len(form) - 1), max_size=6))))

    answers, connections = asked(saying(form, cuts), REQUEST, REQUEST)

    assert [(one.status, one.body) for one in answers] == [(200, b"whole")] * 2
    assert connections == 1


def test_packed_answers_are_unpacked() -> None:
    body = gzip.compress(b"whole")
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    assert asked(saying(answer), REQUEST)[0][0].body == b"whole"


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nwhole")
        await writer.drain()

    answers, connections = asked(serve, REQUEST, REQUEST)

    assert [one.body for one in answers] == [b"whole"] * 2
    assert connections == 2


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"SSH-2.0-x\r\n\r\n"]
)
def test_half_an_answer_is_a_lost_connection(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    with pytest.raises(ConnectionError) as caught:
        asked(serve, REQUEST)

    assert not isinstance(caught.value, NotConnectedError)


def test_silence_ends_with_a_time_out() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    with pytest.raises(asyncio.TimeoutError):
        asked(serve, REQUEST, timeouts=WireTimeouts(5, 0.2))


def test_a_slow_reader_is_waited_for_as_long_as_it_reads() -> None:
    body = bytes(12 << 20)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(len(body) // (1 << 19)):
            await reader.readexactly(1 << 19)
            await asyncio.sleep(0.15)
        writer.write(FORMS[0])
        await writer.drain()

    request = head("POST", "/", {"Host": "h", "Content-Length": str(len(body))}) + body

    assert asked(serve, request, timeouts=WireTimeouts(5, 3))[0][0].body == b"whole"


def test_nobody_there_means_that_nothing_was_sent() -> None:
    async def main() -> None:
        await WirePool(True, 1).send(Origin("127.0.0.1", 9, False), REQUEST, PATIENT)

    with pytest.raises(NotConnectedError):
        asyncio.run(main())


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb"])
def test_no_value_can_begin_another_header(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        head("GET", "/", {"X": value})


def test_an_address_that_needs_more_is_left_to_a_general_client() -> None:
    assert Origin.of("https://h/p") == Origin("h", 443, True)
    assert Origin.of("http://user:word@h/") is None
    assert Origin.of("http://h/ä") is None
