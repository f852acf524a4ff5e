"""Scope of a manifest: the paths and addresses that its rows may name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

from datalake_ops.upload.sources.address_chain import split_address, split_links
from datalake_ops.upload.sources.internal_hosts import is_internal_host, is_internal_ip, resolves_to_internal
from datalake_ops.upload.sources.remote import is_address, is_local_address, local_path

_WEB = {"http": 80, "https": 443}
# What stands first in addresses of these is a server, which is asked for by its name.
_SERVERS = frozenset("ftp sftp ssh smb hdfs arrow_hdfs webhdfs dav webdav webdavs jlab jupyter".split())
# Their clients follow redirects by themselves, or read addresses out of what they open; no guard of ours stands there.
_UNGUARDED = frozenset("webhdfs dav webdav webdavs jlab jupyter root reference".split())
_REMEDY = "name it in allow= if the manifest may reach it"


@dataclass(frozen=True)
class Scope:
    """Folder or address `base` of a manifest, and further ones in `allow`; a `confined` manifest reaches no others.

    No manifest reaches above its base by `..`, nor a loopback or link-local address that is not below one of these. A
    confined one reaches protocols whose clients follow redirects by themselves only where `allow` names them.
    """

    base: str
    allow: tuple[str, ...] = ()
    confined: bool = False

    def check(self, row_path: str, placed: str) -> None:
        """Check a path of a row, as it stands there and as it would be opened; asks the disk in a confined manifest.

        Raises:
            ValueError: it is out of the scope.
        """
        if (self.confined or is_relative(row_path)) and not self._is_within(placed):
            raise ValueError(f"its path {row_path!r} is not below the manifest's base; {_REMEDY}")
        if self.confined and (protocol := _unguarded(placed)) and not self._is_within(placed, allowed=True):
            raise ValueError(f"its path {row_path!r} is on {protocol}://, whose redirects are not checked; {_REMEDY}")
        if is_address(placed) and self._reaches_internal(placed) and not self._is_within(placed, named=True):
            raise ValueError(f"its path {row_path!r} is on a loopback or link-local address; {_REMEDY}")

    def refusal(self, url: str) -> str | None:
        """Return why an http(s) address is not to be visited, such as one that a server redirects to; None if it is."""
        if self.confined and not self._is_within(url):
            return f"its address on {_server_of(url)} is not below the manifest's base; {_REMEDY}"
        if is_internal_host(urlsplit(url).hostname or "") and not self._is_within(url, named=True):
            return f"{_server_of(url)} is a loopback or link-local address; {_REMEDY}"
        return None

    def connection_refusal(self, host: str, port: int, ip: str) -> str | None:
        """Return why no connection is to be made to the address that a host name has; None if one is."""
        if not is_internal_ip(ip) or (host.lower(), port) in self._servers:
            return None
        return f"{host} has a loopback or link-local address; {_REMEDY}"

    def _is_within(self, placed: str, named: bool = False, allowed: bool = False) -> bool:
        """True below the base or what is allowed; with `named` not for a protocol alone, which names no server.

        With `allowed` the base does not count.
        """
        if is_address(placed):
            given = self.allow if allowed else self._roots
            roots = (root for root in given if is_address(root) and not (named and root.endswith("://")))
            return any(_is_address_below(placed, root) for root in roots)
        path = self._resolved(placed)
        return any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in self._folders)

    @cached_property
    def _roots(self) -> tuple[str, ...]:
        return (self.base or os.curdir, *self.allow)

    @cached_property
    def _folders(self) -> tuple[str, ...]:
        return tuple(self._resolved(root) for root in self._roots if not is_address(root))

    @cached_property
    def _servers(self) -> frozenset[tuple[str, int]]:
        links = [split_address(root).link for root in self._roots if is_address(root)]
        return frozenset(found for link in links if (found := _web_server(link)) is not None)

    def _resolved(self, path: str) -> str:
        # Another than the author may have laid a link there.
        resolve = os.path.realpath if self.confined else os.path.abspath
        return str(resolve(local_path(path)))

    @staticmethod
    def _reaches_internal(address: str) -> bool:
        return any(_is_internal_link(link) for link in split_links(address))


def is_relative(path: str) -> bool:
    """Return True for the path of a row that is below the manifest's base."""
    return not (is_address(path) or path.startswith("/") or is_local_address(path))


def _is_address_below(address: str, root: str) -> bool:
    one, other = split_address(address), split_address(root)
    if (one.before, one.behind) != (other.before, other.behind):
        return False
    return _is_link_below(one.link, other.link)


def _is_link_below(link: str, root: str) -> bool:
    server, names = _parts(link)
    root_server, root_names = _parts(root)
    secured = root_server.replace("http://", "https://", 1)
    # An address without anything behind its protocol is the root of all that it reaches.
    if server not in (root_server, secured) and not (root_server.endswith("://") and server.startswith(root_server)):
        return False
    return names is not None and root_names is not None and names[: len(root_names)] == root_names


def _parts(link: str) -> tuple[str, list[str] | None]:
    """Protocol with server or bucket, and the names of the path; None for a path that goes above its begin by `..`."""
    protocol, _, rest = link.partition("://")
    protocol = protocol.lower()
    if protocol in _WEB:
        rest = rest.partition("?")[0].partition("#")[0]
    server, _, path = rest.partition("/")
    if protocol in _WEB:
        # As servers and clients read it.
        server = server.lower().removesuffix(f":{_WEB[protocol]}")
        path = unquote(path).replace("\\", "/")
    names: list[str] = []
    for name in [*([server] if server == ".." else []), *path.split("/")]:
        if name == "..":
            if not names:
                return f"{protocol}://{server}", None
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    return f"{protocol}://{server}", names


def _is_internal_link(link: str) -> bool:
    protocol, separator, rest = link.partition("://")
    if not separator:
        return False
    server = rest.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    host = server[1:].partition("]")[0] if server.startswith("[") else server.partition(":")[0]
    if protocol.lower() in _SERVERS:
        return is_internal_host(host) or resolves_to_internal(host)
    # Names of the web are looked up when a connection is made, which a later answer cannot change any more.
    return is_internal_host(host) if protocol.lower() in _WEB else is_internal_ip(host) or host.lower() == "localhost"


def _unguarded(address: str) -> str | None:
    if not is_address(address):
        return None
    protocols = (link.partition("://")[0].lower() for link in split_links(address))
    return next((one for one in protocols if one in _UNGUARDED), None)


def _web_server(link: str) -> tuple[str, int] | None:
    parts = urlsplit(link)
    if parts.scheme not in _WEB or not parts.hostname:
        return None
    return parts.hostname, parts.port or _WEB[parts.scheme]


def _server_of(url: str) -> str:
    # A query may be signed.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
