"""Chained addresses of fsspec, such as `zip://a.png::s3://bucket/all.zip`, and names that hold `::` themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What follows `::` between two links: bare protocols (`simplecache::`), then one with a path.
_LINK = re.compile(r"((?:[a-z][a-z0-9+.\-]*::)*)[A-Za-z][A-Za-z0-9+.\-]*://")
# Protocols of fsspec whose files lie in the file that the next link names.
_ARCHIVES = ("zip://", "tar://", "libarchive://")


@dataclass(frozen=True)
class AddressChain:
    """Address whose file is named by `link`, with bare protocols before and the storages of archives behind it.

    `before` ends with `::` and `behind` begins with it, where they are not empty.
    """

    before: str
    link: str
    behind: str

    def with_link(self, link: str) -> str:
        """Return the address with another link in its place."""
        return f"{self.before}{link}{self.behind}"


def split_links(address: str) -> list[str]:
    """Split an address at each `::` between two links; one within a name stays.

    An archive without a further link lies in a local path, behind the last `::` and perhaps bare protocols.
    """
    links: list[str] = []
    start = 0
    for at in range(len(address)):
        if address.startswith("::", at) and at >= start and _is_link(address, at + 2):
            links.append(address[start:at])
            start = at + 2
    last = address[start:]
    if "::" not in last or not last.startswith(_ARCHIVES):
        return [*links, last]
    last, _, path = last.rpartition("::")
    behind = [path]
    while "::" in last and _is_protocol(word := last.rpartition("::")[2]):
        last = last.removesuffix(f"::{word}")
        behind.insert(0, word)
    return [*links, last, *behind]


def split_address(address: str) -> AddressChain:
    """Return the parts of an address, or of a path, which is its own link."""
    links = split_links(address) if "::" in address else [address]
    bare = next((number for number, link in enumerate(links) if "://" in link), 0)
    before = "".join(f"{link}::" for link in links[:bare])
    behind = "".join(f"::{link}" for link in links[bare + 1 :])
    return AddressChain(before, links[bare], behind)


def _is_link(address: str, at: int) -> bool:
    match = _LINK.match(address, at)
    return match is not None and all(_is_protocol(word) for word in match[1].split("::") if word)


def _is_protocol(word: str) -> bool:
    try:
        from fsspec import available_protocols
    except ImportError:
        # Nothing will be read, and the message about it names each part.
        return True
    return word in available_protocols()
