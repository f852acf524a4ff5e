"""Reads one response from bytes; llhttp (httptools) parses it, and refuses what HTTP/1.1 does not allow."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

_LONGEST_HEAD = 64 * 1024
_ZLIB_OR_GZIP = 47  # of zlib's window bits: the first bytes tell which of the two


class HttpProtocolError(ConnectionError):
    """The response is not valid HTTP/1.1."""


class ResponseReader:
    """One response: status, header fields (lower-case names, as bytes) and the pieces of the body that have come.

    `without_body` is for a response whose head is all of it: that to HEAD, and a proxy's to CONNECT.
    """

    __slots__ = ("_fed", "_interim", "_parser", "_without_body", "complete", "fields", "has_head", "pieces", "reusable",
                 "size", "status")  # fmt: skip

    def __init__(self, without_body: bool = False) -> None:
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        self.pieces: list[bytes] = []
        self.size = 0  # bytes in `pieces`
        self.has_head = False
        self.complete = False
        self.reusable = False
        self._without_body = without_body
        self._interim = False
        self._fed = 0
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Read some more bytes.

        Raises:
            HttpProtocolError: they are not HTTP/1.1, or the head is longer than 64 KiB.
        """
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self.complete:
                raise HttpProtocolError(f"the response is not valid HTTP ({error})") from error
            # The response itself is whole; what follows it was not asked for.
            self.reusable = False
        if not self.has_head:
            self._fed += len(data)
            if self._fed > _LONGEST_HEAD:
                raise HttpProtocolError("the head of the response is too long")

    def end(self) -> bool:
        """Tell that the connection ended; return True if that completes the response."""
        if self.has_head and not self.complete and self._ends_with_connection():
            self.complete = True
        return self.complete

    def header(self, name: str) -> str | None:
        """Return a header field; None if the response has none of that name."""
        value = self.fields.get(name.lower().encode("ascii"))
        return None if value is None else value.decode("latin-1")

    def take(self) -> bytes:
        """Return the bytes of the body that have come since the last call, as they were sent."""
        taken = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.pieces.clear()
        self.size = 0
        return taken

    def decoder(self) -> Callable[[bytes], bytes] | None:
        """Return a function that undoes the content encoding piece by piece; None where there is none to undo."""
        encoding = self.fields.get(b"content-encoding")
        return _decoder() if encoding in (b"gzip", b"x-gzip", b"deflate") else None

    def on_message_begin(self) -> None:
        """Parser callback: a response begins."""
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser callback: one header field, or a trailer field, which is ignored."""
        if self.has_head:
            self._fed += len(name) + len(value)
            if self._fed > 2 * _LONGEST_HEAD and not self.complete:
                raise HttpProtocolError("the trailer of the response is too long")
            return
        name = name.lower()
        known = self.fields.get(name)
        self.fields[name] = value if known is None else known + b", " + value

    def on_headers_complete(self) -> None:
        """Parser callback: the head is whole."""
        if self.has_head:
            return
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            # 100, 102 and 103 announce the response proper.
            self._interim = True
            self.fields.clear()
            return
        if status < 200 or not self._parser.get_http_version().startswith("1."):
            raise HttpProtocolError("the server speaks another protocol")
        self.status = status
        self.has_head = True
        if self._without_body:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        """Parser callback: a piece of the body."""
        if self.complete:
            self.reusable = False
            return
        self.pieces.append(piece)
        self.size += len(piece)

    def on_message_complete(self) -> None:
        """Parser callback: the response is whole."""
        if self._interim:
            self._interim = False
        elif not self.complete:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()

    def _ends_with_connection(self) -> bool:
        return b"content-length" not in self.fields and b"chunked" not in self.fields.get(b"transfer-encoding", b"")


def _decoder() -> Callable[[bytes], bytes]:
    inner = zlib.decompressobj(_ZLIB_OR_GZIP)

    def decode(piece: bytes) -> bytes:
        nonlocal inner
        decoded = inner.decompress(piece)
        while inner.unused_data:
            # A gzip file may have several members.
            rest, inner = inner.unused_data, zlib.decompressobj(_ZLIB_OR_GZIP)
            decoded += inner.decompress(rest)
        return decoded

    return decode
