"""Uvicorn's httptools protocol, extended by XGET and by the checks that llhttp leaves to its user."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

import httptools
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES = 64 * 1024
# Requests that wait for the answer of one before; beyond them the connection ends.
_PIPELINED = 32
# llhttp refuses methods that it does not know. This one is as long, and both may have a body.
_XGET, _STAND_IN = b"XGET ", b"POST "


class _ProtocolError(Exception):
    """Request that HTTP, or one of our limits, does not allow."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _PipelineFlow(FlowControl):
    """Flow control of a connection that reads nothing while requests wait for the answer of one before."""

    def __init__(self, transport: asyncio.Transport, protocol: LlhttpProtocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        """Read on, unless requests wait."""
        if not self._protocol.pipeline:
            super().resume_reading()


class LlhttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 protocol that takes XGET, bounds heads and pipelines, ignores upgrades and drops trailers."""

    # Between two messages; else in a head, until `_in_body`.
    _between = True
    _in_body = False
    # The message that now begins, or whose head is read, was sent as XGET.
    _is_xget = False
    _is_upgrade = False
    _is_broken = False
    # Bytes that may be the beginning of XGET.
    _held = b""
    # Bytes of the head: of whole lines, and received after its first piece.
    _line_bytes = 0
    _piece_bytes = 0
    _hosts = 0
    # What is left of a body of announced length.
    _body_left = 0
    # The request that is being answered; `cycle` is the one that was parsed last.
    _running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection."""
        super().connection_made(transport)
        self.flow = _PipelineFlow(transport, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application that its client has gone."""
        # Uvicorn tells the request that was parsed last.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse bytes of requests."""
        self._unset_keepalive_if_required()
        if self._is_broken:
            return
        began_before = not self._between
        try:
            self._feed(self._held + data if self._held else data)
            if began_before and not self._between and not self._in_body:
                self._piece_bytes += len(data)
                self._check_head_size(self._piece_bytes)
        except httptools.HttpParserInvalidMethodError:
            self._break(_ProtocolError(HTTPStatus.NOT_IMPLEMENTED, "The request's method is not known."))
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._break(cause if isinstance(cause, _ProtocolError) else _invalid(str(error)))
        except _ProtocolError as error:
            self._break(error)

    def _feed(self, data: bytes) -> None:
        """Feed the parser, an XGET that begins a message written as a method that it knows.

        The parser itself tells where messages begin: it is fed up to each place where the method stands.
        """
        self._held = b""
        start = 0
        found = data.find(_XGET, self._body_left)
        while found >= 0:
            self._parse(data[start:found])
            start, skipped = found, self._body_left
            if self._between:
                self._is_xget = True
                self._parse(_STAND_IN)
                start += len(_XGET)
            elif not skipped:
                skipped = len(_XGET)
            found = data.find(_XGET, start + skipped)
        self._feed_end(data[start:] if start else data)

    def _feed_end(self, data: bytes) -> None:
        """Feed the parser; hold back what may be the beginning of XGET."""
        for length in range(len(_XGET) - 1, 0, -1):
            if data.endswith(_XGET[:length]):
                self._parse(data[:-length])
                if self._between:
                    self._held = data[-length:]
                else:
                    self._parse(data[-length:])
                return
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        if not data:
            return
        try:
            self.parser.feed_data(data)
            return
        except httptools.HttpParserUpgrade as upgrade:
            parsed: int = upgrade.args[0]
        # Not in the handler: an error's context is what a callback raised.
        self._ignore_upgrade()
        self._parse(data[parsed:])

    def _ignore_upgrade(self) -> None:
        """Parse the request again without its wish to change the protocol, for which httptools leaves the body out."""
        self._is_upgrade = False
        method = _STAND_IN if self._is_xget else self.parser.get_method() + b" "
        version = self.parser.get_http_version().encode()
        lines = [name + b": " + value + b"\r\n" for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"".join([method, self.url, b" HTTP/", version, b"\r\n", *lines, b"\r\n"]))

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._between = self._in_body = False
        self._line_bytes = self._piece_bytes = self._hosts = self._body_left = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        self._line_bytes += len(url)
        self._check_head_size(self._line_bytes)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one that follows a body is dropped, since the application has its headers already."""
        if self._in_body:
            return
        self._line_bytes += len(name) + len(value) + 4
        self._check_head_size(self._line_bytes)
        super().on_header(name, value)
        last = self.headers[-1][0]
        if last == b"host":
            self._hosts += 1
        elif last == b"content-length":
            self._body_left = int(value)

    def on_headers_complete(self) -> None:
        """Start to answer, once the requests before are answered."""
        if self.parser.should_upgrade():
            self._begin_upgrade()
            return
        version = self.parser.get_http_version()
        if self._hosts > 1 or (not self._hosts and version == "1.1") or version not in {"1.0", "1.1"}:
            raise _invalid("A request is HTTP/1.1 with one header Host, or HTTP/1.0")
        if len(self.pipeline) >= _PIPELINED:
            raise _invalid(f"At most {_PIPELINED} requests may wait on a connection")
        super().on_headers_complete()
        if self._is_xget:
            self.scope["method"] = "XGET"
            self._is_xget = False
        self._in_body = True

    def _begin_upgrade(self) -> None:
        # CONNECT has no address of ours as its target.
        if self.parser.get_method() == b"CONNECT":
            raise _ProtocolError(HTTPStatus.METHOD_NOT_ALLOWED, "CONNECT is not possible: this is no proxy.")
        self._is_upgrade = True

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        if self._body_left:
            self._body_left -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._is_upgrade:
            return
        super().on_message_complete()
        self._between, self._in_body = True, False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        self._running = cycle
        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _check_head_size(self, size: int) -> None:
        if size > HEAD_BYTES:
            raise _ProtocolError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The head of a request has at most {HEAD_BYTES} bytes."
            )

    def _break(self, error: _ProtocolError) -> None:
        """Read no more; answer with the error, or end the connection once the requests before are answered."""
        self._is_broken = True
        if self._in_body and self.pipeline:
            self.pipeline.popleft()
        elif self._in_body and self._is_answering():
            # Its own body is broken: the application hears of a disconnect.
            if self._running is not None and self._running.response_started:
                self.transport.abort()
                return
            self._running = None
        if self._is_answering():
            last = self.pipeline[0][0] if self.pipeline else self._running
            last.keep_alive = False  # type: ignore[union-attr]
            return
        body = json.dumps({"message": error.message, "detail": None}).encode()
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[error.status] + head.encode() + body)
        self.transport.close()


def _invalid(reason: str) -> _ProtocolError:
    return _ProtocolError(HTTPStatus.BAD_REQUEST, f"Invalid HTTP request: {reason}.")
