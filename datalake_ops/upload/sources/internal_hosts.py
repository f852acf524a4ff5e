"""Hosts that are this machine or its own network link: loopback, link-local, and the metadata service of a cloud."""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

# The IPv6 address of the metadata service of AWS; that of IPv4 is link-local.
_METADATA = IPv6Address("fd00:ec2::254")


def is_internal_ip(text: str) -> bool:
    """Return True for an IP address of a loopback or link-local network; False for others, and for a name."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    # A connection to the unspecified address reaches this machine.
    return address.is_loopback or address.is_link_local or address.is_unspecified or address == _METADATA


def is_internal_host(host: str) -> bool:
    """Return True for an internal IP address in any spelling, and for `localhost`; asks no name server."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost") or is_internal_ip(name) or is_internal_ip(_spelled(name))


@lru_cache(maxsize=256)
def resolves_to_internal(host: str) -> bool:
    """Return True if a name server gives a host an internal address; blocks. A host that is not found has none."""
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        # The storage's own error tells of it.
        return False
    return any(is_internal_ip(str(one[4][0])) for one in found)


def _spelled(name: str) -> str:
    # Such as 127.1, 0x7f000001 or 2130706433, which the system takes for addresses too.
    try:
        return str(IPv4Address(socket.inet_aton(name)))
    except (OSError, UnicodeError):
        return ""
