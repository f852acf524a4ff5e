"""A neutral stand-in for a platform, for measuring clients: it answers each call of the wire as fast as uvloop allows.

    python benchmarks/stub_server.py PORT [--presign] [--latency-ms N] [--fail-every N] [--reset-every N] [--total N]

It keeps nothing but which objects were registered. It can offer names and addresses in batches (--presign), wait before
each answer, answer every n-th call with 503, and cut the connection instead of every n-th answer, when the work is
done. GET /__stats tells what it counted, and the seconds of CPU that it took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

try:
    from uvloop import run
except ImportError:
    from asyncio import run

ORGANIZATION = "11111111-1111-4111-8111-111111111111"
CONNECTOR = "22222222-2222-4222-8222-222222222222"
LAKE = "33333333-3333-4333-8333-333333333333"
_DATAS = f"/api/datalake/{LAKE}/datas"
_LAKE = {"id": LAKE, "name": "default", "connector_id": CONNECTOR}
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# A longer body is no JSON; it is counted and thrown away.
_LONGEST_JSON = 1 << 16
_PADDING = {"policy": "p" * 300, "signature": "s" * 64}
Reply = tuple[int, Any, str]
Route = Callable[[dict[str, Any], dict[str, str]], Reply]


class Stub:
    """What is asked and what is answered."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.base = f"http://127.0.0.1:{options.port}"
        self.calls = 0
        self.registered: dict[str, tuple[str, str]] = {}
        self.routes: list[tuple[str, str, Route]] = [
            ("GET", "/api/home/ping", self.ping),
            ("GET", "/api/organization/[^/]+", self.organization),
            ("GET", r"/api/.*datalake(/[^/]+)?", lambda body, query: (200, _LAKE, "")),
            ("POST", ".*/generate_object_name", self.name),
            ("POST", ".*/presign_uploads", self.presign),
            ("POST", ".*/generate_presigned_url", self.address),
            ("POST", ".*/init_multipart_upload", self.parts),
            ("POST", ".*/generate_part_presigned_url", lambda body, query: (200, {"url": f"{self.base}/part"}, "")),
            ("POST", ".*/complete_part_upload", lambda body, query: (200, {}, "")),
            ("POST", "/bucket", lambda body, query: (204, None, "")),
            ("PUT", "/part", lambda body, query: (200, {}, 'ETag: "e"\r\n')),
            ("POST", _DATAS, self.register),
            ("GET", _DATAS, self.page),
            ("GET", f"{_DATAS}/find", self.find),
        ]
        self._known: dict[tuple[str, str], Route | None] = {}

    def answer(self, method: str, target: str, body: bytes) -> Reply | None:
        """Status, JSON and more headers; None to cut the connection."""
        path, _, query = target.partition("?")
        if path == "/__stats":
            names = [name for _, name in self.registered.values()]
            doubled = len(names) - len(set(names))
            counted = {"total": self.calls, "registered": len(names), "doubled": doubled, "cpu": time.process_time()}
            return 200, counted, ""
        self.calls += 1
        options = self.options
        if options.fail_every and self.calls % options.fail_every == 0:
            reply: Reply = (503, {"message": "injected"}, "")
        else:
            reply = self._routed(method, urlsplit(path).path, body, query)
        return None if options.reset_every and self.calls % options.reset_every == 0 else reply

    def _routed(self, method: str, path: str, body: bytes, query: str) -> Reply:
        key = (method, path)
        if key not in self._known:
            matching = (make for known, pattern, make in self.routes if known == method and re.fullmatch(pattern, path))
            self._known[key] = next(matching, None)
        make = self._known[key]
        if make is None:
            return 404, {"message": f"no route {method} {path}"}, ""
        pairs = {name: values[0] for name, values in parse_qs(query).items()} if query else {}
        return make(json.loads(body) if body[:1] == b"{" else {}, pairs)

    def ping(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """Who is there."""
        told = {"username": "stub", "sdk_version": "6.37.0", "default_organization": ORGANIZATION}
        return 200, {**told, "extensions": ["presigned-batch"] if self.options.presign else []}, ""

    def organization(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """The one organization."""
        return 200, {"id": ORGANIZATION, "name": "stub", "default_connector_id": CONNECTOR}, ""

    def name(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """A fresh object name."""
        return 200, {"object_name": f"{self._identifier()}-{body['filename']}"}, ""

    def address(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """Where to send the form."""
        fields = {"key": body["object_name"], **_PADDING}
        return 200, {"client_type": "aws", "presigned_url_data": {"url": f"{self.base}/bucket", "fields": fields}}, ""

    def presign(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """Names and addresses of many files."""
        names = [f"{self._identifier()}-{file['filename']}" for file in body["files"]]
        objects = [{"object_name": name, **self.address({"object_name": name}, query)[1]} for name in names]
        return 200, {"objects": objects, "expires_in": 3600}, ""

    def parts(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """An upload in parts."""
        return 200, {"client_type": "aws", "upload_id": "u"}, ""

    def register(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """One data more."""
        identifier, _ = self.registered.setdefault(body["object_name"], (self._identifier(), body["filename"]))
        return 201, _data(identifier, body["filename"], body["object_name"]), ""

    def find(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """The data of an object name."""
        found = self.registered.get(query.get("object_name", ""))
        if found is None:
            return 404, {"message": "no such object"}, ""
        return 200, _data(*found, query["object_name"]), ""

    def page(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """A page of data that were never uploaded."""
        start = int(query.get("cursor") or query.get("offset") or 0)
        count = max(0, min(int(query.get("limit", 1000)), self.options.total - start))
        items = [_data(str(UUID(int=start + one)), f"f{start + one}.jpg", f"o/{start + one}") for one in range(count)]
        end = start + count
        return 200, {
            "items": items,
            "count": self.options.total,
            "next_cursor": str(end) if end < self.options.total else None,
        }, ""  # fmt: skip

    def _identifier(self) -> str:
        return f"00000000-0000-4000-8000-{self.calls:012x}"


def _data(identifier: str, filename: str, object_name: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "object_name": object_name,
        "filename": filename,
        "type": "IMAGE",
        "content_type": "image/jpeg",
        "upload_status": "DONE",
        "presigned_url": None,
        "meta": {"width": 64, "height": 48},
        "metadata": None,
        "custom_metadata": None,
        "tags": [],
        "data_source": None,
    }


class StubProtocol(asyncio.Protocol):
    """One connection: requests of a known length, answered one after the other."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._delay = stub.options.latency_ms / 1000
        self._buffer = b""
        self._call: tuple[str, str] | None = None
        self._missing = 0
        self._keeps = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Some more of a request."""
        if self._call is not None and not self._keeps:
            self._missing -= len(data)
        else:
            self._buffer += data
        if self._call is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end]
            method, target, _ = head[: head.index(b"\r\n")].decode("latin-1").split(" ", 2)
            found = _LENGTH.search(head)
            length = int(found.group(1)) if found else 0
            self._call = method, target
            self._buffer = self._buffer[end + 4 :]
            self._keeps = length <= _LONGEST_JSON
            self._missing = length
            if not self._keeps:
                self._missing -= len(self._buffer)
                self._buffer = b""
        if len(self._buffer) < self._missing if self._keeps else self._missing > 0:
            return
        reply = self._stub.answer(*self._call, self._buffer)
        self._buffer, self._call = b"", None
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._write, reply)
        else:
            self._write(reply)

    def _write(self, reply: Reply | None) -> None:
        if reply is None:
            self._transport.abort()
            return
        status, value, more = reply
        payload = b"" if value is None else json.dumps(value).encode()
        length = "" if status == 204 else f"Content-Length: {len(payload)}\r\n"
        self._transport.write(f"HTTP/1.1 {status} X\r\n{length}{more}\r\n".encode() + payload)


async def serve(options: argparse.Namespace) -> None:
    """Answer until the process is ended."""
    stub = Stub(options)
    server = await asyncio.get_running_loop().create_server(
        lambda: StubProtocol(stub), "127.0.0.1", options.port, backlog=4096
    )
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--presign", action="store_true")
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--fail-every", type=int, default=0)
    parser.add_argument("--reset-every", type=int, default=0)
    parser.add_argument("--total", type=int, default=10_000)
    run(serve(parser.parse_args()))
