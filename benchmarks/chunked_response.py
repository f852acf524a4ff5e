"""CPU time of reading one chunked response of 4 MB in pieces of 16 KiB, against h11 on the same bytes, alternating.

python benchmarks/chunked_response.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import h11
from sides import save

from datalake_ops.client.transport.response_reader import ResponseReader

PIECE = 16 * 1024
COUNT = 256
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + (b"%x\r\n" % PIECE + bytes(PIECE) + b"\r\n") * COUNT
    + b"0\r\n\r\n"
)


def ours() -> int:
    reader = ResponseReader()
    for start in range(0, len(RESPONSE), PIECE):
        reader.feed(RESPONSE[start : start + PIECE])
    return len(reader.take())


def by_h11() -> int:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    size = 0
    for start in range(0, len(RESPONSE), PIECE):
        connection.receive_data(RESPONSE[start : start + PIECE])
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.EndOfMessage):
                break
            size += len(event.data) if isinstance(event, h11.Data) else 0
    return size


def milliseconds(read: Callable[[], int]) -> float:
    started = time.process_time()
    size = read()
    spent = time.process_time() - started
    if size != PIECE * COUNT:
        raise RuntimeError(f"{size} bytes were read of {PIECE * COUNT}.")
    return spent * 1000


def main() -> None:
    """Measure both readers in turn, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    pairs = [(milliseconds(ours), milliseconds(by_h11)) for _ in range(rounds)]
    mine, other = (statistics.median(one) for one in zip(*pairs, strict=True))
    print(f"ours {mine:.2f} ms of CPU (goal <= 10), h11 {other:.2f} ms, ratio {mine / other:.2f}")
    save("chunked-response", {"ours_ms": mine, "h11_ms": other, "ratio": mine / other})


if __name__ == "__main__":
    main()
