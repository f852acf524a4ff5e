"""Fault injection and a request journal, for tests; part of a server only with `--enable-admin`."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
from pydantic import BaseModel, Field, field_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datalake_ops.platform.http.protocol.cuttable_protocol import CUT

_ADMIN = "/_admin/"
_JOURNAL = 5000
_BODY_BYTES = 64 * 1024
_HEADERS = frozenset(
    "user-agent content-type content-length idempotency-key x-datalake-job-labels x-picsellia-organization".split()
)


class FaultRule(BaseModel):
    """Rule of a scripted fault: the requests it applies to, and their failure."""

    method: str = "*"
    path: str
    status: int | None = Field(default=None, ge=400, le=599)
    drop: bool = False
    drop_before: bool = False
    delay: float | None = Field(default=None, ge=0, le=600)
    after: int = Field(default=0, ge=0)
    count: int = Field(default=1, ge=1)
    retry_after: float | None = Field(default=None, ge=0)

    @field_validator("path")
    @classmethod
    def _is_regex(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return value


@dataclass
class Fault:
    """Scripted fault with its counters."""

    rule: FaultRule
    id: str = field(default_factory=lambda: uuid4().hex)
    matched: int = 0
    met: int = 0

    def meets(self, method: str, path: str) -> bool:
        """Return True if the fault applies to this request; counts matching requests."""
        if self.rule.method not in ("*", method) or not re.search(self.rule.path, path):
            return False
        self.matched += 1
        if not self.rule.after < self.matched <= self.rule.after + self.rule.count:
            return False
        self.met += 1
        return True


class Faults:
    """Scripted faults and request journal of one server."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.journal: deque[dict[str, Any]] = deque(maxlen=_JOURNAL)

    def next_fault(self, method: str, path: str) -> Fault | None:
        """First fault that applies to a request."""
        return next((fault for fault in self.faults if fault.meets(method, path)), None)


class FaultMiddleware:
    """Middleware that records every request in the journal and applies scripted faults."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(_ADMIN):
            await self._app(scope, receive, send)
            return
        entry = _entry(scope)
        self._faults.journal.append(entry)
        fault = self._faults.next_fault(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, _record_body(receive, entry), _record_status(send, entry))
        else:
            entry["fault"] = fault.id
            await self._fail(fault.rule, entry, scope, receive, send)

    async def _fail(self, rule: FaultRule, entry: dict[str, Any], scope: Scope, receive: Receive, send: Send) -> None:
        if rule.delay is not None:
            await asyncio.sleep(rule.delay)
        if rule.drop_before:
            await _cut(scope, receive)
            return
        if rule.status is not None:
            await _drain(_record_body(receive, entry))
            await _refuse(rule, _record_status(send, entry))
            return
        if rule.drop:
            # The request is processed and its response dropped, as when the network fails at the worst time.
            await self._app(scope, _record_body(receive, entry), _discard)
            await _cut(scope, receive)
            return
        await self._app(scope, _record_body(receive, entry), _record_status(send, entry))


def _entry(scope: Scope) -> dict[str, Any]:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode("latin-1"),
        "headers": {name: value for name, value in headers.items() if name in _HEADERS},
        "body": None,
        "status": None,
        "fault": None,
    }


def _record_body(receive: Receive, entry: dict[str, Any]) -> Receive:
    """Wrap `receive` to record a JSON body, up to a limit; file bytes are not recorded."""
    if "json" not in entry["headers"].get("content-type", ""):
        return receive
    chunks: list[bytes] = []

    async def record() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                entry["body"] = _body(b"".join(chunks))
        return message

    return record


def _body(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return orjson.loads(raw) if len(raw) <= _BODY_BYTES else f"<{len(raw)} bytes>"
    except orjson.JSONDecodeError:
        return raw.decode("utf-8", "replace")


def _record_status(send: Send, entry: dict[str, Any]) -> Send:
    async def note(message: Message) -> None:
        if message["type"] == "http.response.start":
            entry["status"] = message["status"]
        await send(message)

    return note


async def _discard(_message: Message) -> None:
    return None


async def _drain(receive: Receive) -> None:
    while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
        continue


async def _refuse(rule: FaultRule, send: Send) -> None:
    body = orjson.dumps({"message": f"A scripted fault answers {rule.status}.", "detail": None})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if rule.retry_after is not None:
        headers.append((b"retry-after", f"{rule.retry_after:g}".encode()))
    await send({"type": "http.response.start", "status": rule.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _cut(scope: Scope, receive: Receive) -> None:
    """Abort the connection and wait until it is closed: otherwise the server would answer 500."""
    scope[CUT]()
    while (await receive())["type"] != "http.disconnect":
        continue
