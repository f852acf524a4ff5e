"""HTTP/1.1 on a connection: XGET anywhere, pipelines, upgrades that are ignored, heads that are too large."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.lakes import LakeApi

PING = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
LISTING = json.dumps({"filenames": ["one.jpg"], "upload_statuses": ["DONE"], "types": ["IMAGE"]}).encode()
LAST = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def answers(server: PlatformServer, *pieces: bytes) -> list[int]:
    """Sends pieces on one connection and returns the statuses of all answers, up to its end."""
    address = urlsplit(server.url)
    with socket.create_connection((str(address.hostname), address.port or 80), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def request(lake: LakeApi, method: str, path: str, body: bytes, *headers: str, close: bool = False) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {lake.token}", *headers]
    lines += ["Connection: close"] if close else []
    if not any(line.startswith("Transfer-Encoding") for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def xget(lake: LakeApi, close: bool = False) -> bytes:
    return request(lake, "XGET", f"{lake.path}/datas", LISTING, close=close)


def test_xget_is_read_however_it_is_cut(datalake_platform: PlatformServer, lake: LakeApi) -> None:
    sent = xget(lake, close=True)

    found = [answers(datalake_platform, sent[:cut], sent[cut:]) for cut in (1, 2, 3, 4, 5, 6)]
    single = answers(datalake_platform, *(sent[index : index + 1] for index in range(len(sent))))

    assert [*found, single] == [[200]] * 7


def test_xget_is_read_behind_other_requests(datalake_platform: PlatformServer, lake: LakeApi) -> None:
    chunked = request(
        lake, "POST", f"{lake.path}/tags", b"e\r\n" + b'{"name": "aa"}' + b"\r\n0\r\n\r\n", "Transfer-Encoding: chunked"
    )
    sent = PING + xget(lake) + chunked + xget(lake) + xget(lake) + LAST

    assert answers(datalake_platform, sent) == [200, 200, 201, 200, 200, 200]
    assert answers(datalake_platform, PING + b"X", b"GET" + xget(lake)[4:] + LAST) == [200, 200, 200]


def test_the_word_stays_where_it_is_no_method(datalake_platform: PlatformServer, lake: LakeApi) -> None:
    names = ["XGET one", "three XGET ", "XG"]
    bodies = [json.dumps({"name": name}, ensure_ascii=False).encode() for name in names]
    sent = b"".join(request(lake, "POST", f"{lake.path}/tags?a=XGET", body) for body in bodies)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (b'{"name": "', b"XGET ", b'four"}'))
    sent += request(lake, "POST", f"{lake.path}/tags", chunked + b"0\r\n\r\n", "Transfer-Encoding: chunked")

    assert answers(datalake_platform, sent + LAST) == [201] * 4 + [200]
    tags = {tag["name"] for tag in lake.json("GET", f"{lake.path}/tags")["items"]}
    assert {"XGET one", "XGET four", "XG"} <= tags


@pytest.mark.parametrize("method", ["POST", "XGET"])
def test_an_upgrade_is_ignored_and_its_body_is_no_request(
    datalake_platform: PlatformServer, lake: LakeApi, method: str
) -> None:
    path, status = ("tags", 201) if method == "POST" else ("datas", 200)
    body = json.dumps({"name": "upgraded"}).encode().ljust(200) if method == "POST" else LISTING
    headers = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    sent = request(lake, method, f"{lake.path}/{path}", body, *headers)

    assert answers(datalake_platform, sent + LAST) == [status, 200]
    cut = request(lake, "XGET", f"{lake.path}/datas", LISTING + PING, *headers)
    end = len(cut) - len(PING)
    # The end of the body looks like a request and is none.
    assert answers(datalake_platform, cut[:end], cut[end:] + LAST) == [400, 200]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"x" * 500_000, 431),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"NONE /health HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(
    datalake_platform: PlatformServer, sent: bytes, status: int
) -> None:
    address = urlsplit(datalake_platform.url)
    with socket.create_connection((str(address.hostname), address.port or 80), timeout=60) as connection:
        try:
            connection.sendall(sent)
        except (ConnectionResetError, BrokenPipeError):
            return
        assert int(connection.recv(65536).split()[1]) == status


def test_requests_before_a_broken_one_are_answered(datalake_platform: PlatformServer) -> None:
    assert answers(datalake_platform, PING * 2 + b"NONE / HTTP/1.1\r\n\r\n") == [200, 200]


def test_a_pipeline_is_bounded(datalake_platform: PlatformServer) -> None:
    assert answers(datalake_platform, PING * 20 + LAST) == [200] * 21
    assert 0 < len(answers(datalake_platform, PING * 2000)) <= 100
