"""A neutral stand-in for a platform, for measuring clients: it answers each call of the wire as fast as asyncio allows.

    python benchmarks/stub_server.py PORT [--latency-ms N] [--fail-every N] [--reset-every N] [--total N]

It keeps nothing but which objects were registered. It can wait before each answer, answer every n-th call with 503,
and cut the connection instead of every n-th answer, when the work is done. GET /__stats tells what it counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

ORGANIZATION = "11111111-1111-4111-8111-111111111111"
CONNECTOR = "22222222-2222-4222-8222-222222222222"
LAKE = "33333333-3333-4333-8333-333333333333"
_DATAS = f"/api/datalake/{LAKE}/datas"
_LAKE = {"id": LAKE, "name": "default", "connector_id": CONNECTOR}
Reply = tuple[int, Any, str]


class Stub:
    """What is asked and what is answered."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.base = f"http://127.0.0.1:{options.port}"
        self.calls = 0
        self.registered: dict[str, tuple[str, str]] = {}
        self.routes: list[tuple[str, str, Callable[[dict[str, Any], dict[str, str]], Reply]]] = [
            ("GET", "/api/home/ping", self.ping),
            ("GET", "/api/organization/[^/]+", self.organization),
            ("GET", r"/api/.*datalake(/[^/]+)?", lambda body, query: (200, _LAKE, "")),
            ("POST", ".*/generate_object_name", self.name),
            ("POST", ".*/generate_presigned_url", self.address),
            (
                "POST",
                ".*/init_multipart_upload",
                self.parts,
            ),
            ("POST", ".*/generate_part_presigned_url", lambda body, query: (200, {"url": f"{self.base}/part"}, "")),
            ("POST", ".*/complete_part_upload", lambda body, query: (200, {}, "")),
            ("POST", "/bucket", lambda body, query: (204, None, "")),
            ("PUT", "/part", lambda body, query: (200, {}, 'ETag: "e"\r\n')),
            ("POST", _DATAS, self.register),
            ("GET", _DATAS, self.page),
            ("GET", f"{_DATAS}/find", self.find),
        ]

    def answer(self, method: str, target: str, body: bytes) -> Reply | None:
        """Status, JSON and more headers; None to cut the connection."""
        parts = urlsplit(target)
        if parts.path == "/__stats":
            names = [name for _, name in self.registered.values()]
            doubled = len(names) - len(set(names))
            return 200, {"total": self.calls, "registered": len(names), "doubled": doubled}, ""
        self.calls += 1
        options = self.options
        if options.fail_every and self.calls % options.fail_every == 0:
            reply: Reply = (503, {"message": "injected"}, "")
        else:
            reply = self._routed(method, parts.path, body, {key: one[0] for key, one in parse_qs(parts.query).items()})
        return None if options.reset_every and self.calls % options.reset_every == 0 else reply

    def _routed(self, method: str, path: str, body: bytes, query: dict[str, str]) -> Reply:
        for known, pattern, make in self.routes:
            if known == method and re.fullmatch(pattern, path):
                return make(json.loads(body) if body[:1] == b"{" else {}, query)
        return 404, {"message": f"no route {method} {path}"}, ""

    def ping(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """Who is there."""
        return 200, {"username": "stub", "sdk_version": "6.37.0", "default_organization": ORGANIZATION}, ""

    def organization(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """The one organization."""
        return 200, {"id": ORGANIZATION, "name": "stub", "default_connector_id": CONNECTOR}, ""

    def name(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """A fresh object name."""
        return 200, {"object_name": f"{uuid4()}-{body['filename']}"}, ""

    def address(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """Where to send the form."""
        fields = {"key": body["object_name"], "policy": "p" * 300, "signature": "s" * 64}
        return 200, {"client_type": "aws", "presigned_url_data": {"url": f"{self.base}/bucket", "fields": fields}}, ""

    def parts(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """An upload in parts."""
        return 200, {"client_type": "aws", "upload_id": "u"}, ""

    def register(self, body: dict[str, Any], query: dict[str, str]) -> Reply:
        """One data more."""
        identifier, _ = self.registered.setdefault(body["object_name"], (str(uuid4()), body["filename"]))
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


async def _serve(stub: Stub, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            method, target, _ = line.decode("latin-1").split(" ", 2)
            length = 0
            while (header := await reader.readline()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = b""
            while length > 0:
                piece = await reader.read(min(length, 1 << 20))
                if not piece:
                    return
                length -= len(piece)
                # What is longer than any JSON is counted and thrown away.
                body = body + piece if len(body) < 1 << 16 else body
            reply = stub.answer(method, target, body)
            if stub.options.latency_ms:
                await asyncio.sleep(stub.options.latency_ms / 1000)
            if reply is None:
                writer.transport.abort()
                return
            status, value_, more = reply
            payload = b"" if value_ is None else json.dumps(value_).encode()
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(payload)}\r\n{more}\r\n".encode() + payload)
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def serve(options: argparse.Namespace) -> None:
    """Answer until the process is ended."""
    stub = Stub(options)
    server = await asyncio.start_server(
        lambda reader, writer: _serve(stub, reader, writer), "127.0.0.1", options.port, backlog=4096, limit=1 << 20
    )
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--fail-every", type=int, default=0)
    parser.add_argument("--reset-every", type=int, default=0)
    parser.add_argument("--total", type=int, default=10_000)
    asyncio.run(serve(parser.parse_args()))
