"""Addresses and header lines as they are written on the wire."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Every printable character of ASCII except the space: a presigned address is used to the letter.
_AS_WRITTEN = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"


class Origin(NamedTuple):
    """Scheme, host and port of a server."""

    host: str
    port: int
    secure: bool

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of an absolute http or https address.

        Raises:
            ValueError: the address has another scheme, no host, or an impossible port.
        """
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError("the address is neither http:// nor https:// with a host")
        host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
        return cls(host, parts.port or _DEFAULT_PORTS[parts.scheme], parts.scheme == "https")

    @property
    def authority(self) -> str:
        """Host and port, with an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The origin as an address."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"


def host_header(url: str) -> str:
    """Return the value of the Host header, which a signature may cover: as written, without user and password."""
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    return netloc if netloc.isascii() else netloc.encode("idna").decode("ascii")


def request_target(url: str) -> str:
    """Return path and query as written; only spaces and characters beyond ASCII are percent-encoded."""
    parts = urlsplit(url)
    target = parts.path or "/"
    return encoded_target(f"{target}?{parts.query}" if parts.query else target)


def encoded_target(target: str) -> str:
    """Percent-encode spaces and characters beyond ASCII, which a request line cannot hold."""
    return target if target.isascii() and " " not in target else quote(target, safe=_AS_WRITTEN)


def header_lines(headers: Mapping[str, str]) -> str:
    """Return header fields as lines.

    Raises:
        ValueError: a name or value holds a line break, which would begin another header.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if not lines.count("\n") == lines.count("\r") == len(headers) or "\0" in lines:
        raise ValueError("A header holds a line break.")
    return lines


def request_head(method: str, target: str, lines: str) -> bytes:
    """Return the head of a request, up to the empty line.

    Raises:
        ValueError: the target holds a line break or a space.
    """
    if "\r" in target or "\n" in target or " " in target:
        raise ValueError("A request target holds a line break or a space.")
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def basic_authorization(parts: SplitResult) -> str | None:
    """Return the value of a Basic authorization header for the user and password of an address; None without them."""
    if parts.username is None:
        return None
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(user.encode()).decode("ascii")
