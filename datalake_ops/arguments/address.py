"""Address of a platform, from every form in which people type a host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any

from datalake_ops.arguments.refusal import shown
from datalake_ops.errors import ArgumentError

_FORM = "write it like https://app.picsellia.com or localhost:8700."
_SCHEMES = ("http", "https")
_LABEL = r"(?!-)[\w-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


def platform_address(host: Any, port: Any = None, scheme: Any = None) -> str:
    """The address `scheme://host` or `scheme://host:port`, without a path; the parts may also be given beside the host.

    A host without a scheme is reached by https, on a loopback address by http, so that no token leaves in clear text.
    IPv6 addresses may stand in brackets or without.

    Raises:
        ArgumentError: a part cannot be meant, or is given twice and differs. The text names the part and shows no user,
            password, path or query.
    """
    typed = _typed(host)
    found_scheme, rest = _split_scheme(typed)
    _refuse_rest(rest)
    name, found_port = _split_port(rest.rstrip("/"))
    both_schemes = _agreed("scheme", found_scheme, _scheme(scheme))
    both_ports = _agreed("port", found_port, _port(port))
    chosen = both_schemes or ("http" if _is_loopback(name) else "https")
    return f"{chosen}://{f'[{name}]' if ':' in name else name}{'' if both_ports is None else f':{both_ports}'}"


@dataclass(frozen=True)
class _Problem:
    """Part of a host that cannot be meant, and what is wrong with it."""

    part: str
    what: str

    def error(self) -> ArgumentError:
        return ArgumentError(f"The host is no address: {self.part} {self.what}; {_FORM}", field="host")


def _typed(host: Any) -> str:
    if not isinstance(host, str) or not host.strip():
        raise _Problem("the name", "is missing").error()
    typed = host.strip()
    # `urlsplit` would drop line breaks and tabs, and call another host than the one that is seen.
    if any(character.isspace() or not character.isprintable() for character in typed):
        raise _Problem("the text", "has a line break, a blank or a control character in it").error()
    return typed


def _split_scheme(typed: str) -> tuple[str | None, str]:
    scheme, separator, rest = typed.partition("://")
    # A query may hold an address of its own.
    if separator and not set(scheme) & set("/?#@"):
        return _scheme(scheme), rest
    return None, typed.removeprefix("//")


def _scheme(scheme: Any) -> str | None:
    if scheme in (None, ""):
        return None
    word = str(scheme).strip().lower().removesuffix("://")
    if word not in _SCHEMES:
        raise _Problem("the scheme", f"is {shown(scheme)}, not http or https").error()
    return word


def _refuse_rest(rest: str) -> None:
    origin = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    # Before any message that shows a part.
    if "@" in origin:
        raise ArgumentError(
            "Put no user or password in the host; the API token is the only credential, and has a field of its own.",
            field="host",
        )
    behind = rest[len(origin) :]
    if set(behind) & set("?#"):
        raise _Problem("a query or fragment", "stands behind it; take it off (a token has a field of its own)").error()
    if behind.strip("/"):
        # The wire's paths are absolute: a prefix would be dropped silently by the official SDK.
        raise _Problem(
            "a path", "stands behind it, and the platform must live at the root of its origin; take it off"
        ).error()


def _split_port(rest: str) -> tuple[str, int | None]:
    if rest.startswith("["):
        inner, closed, behind = rest[1:].partition("]")
        if not closed or (behind and not behind.startswith(":")):
            raise _Problem("the brackets", "are not those of an IPv6 address").error()
        return _ipv6(inner), _port(behind[1:])
    if rest.count(":") > 1:
        head, _, tail = rest.rpartition(":")
        if _is_ip(head) and tail.isdigit():
            raise _Problem("the name", f"{shown(rest)} may end in a port: write the IPv6 address in brackets").error()
        return _ipv6(rest), None
    name, _, port = rest.partition(":")
    return _name(name), _port(port)


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError as error:
        raise _Problem("the name", f"{shown(text)} is no IPv6 address").error() from error


def _name(text: str) -> str:
    if not text:
        raise _Problem("the name", "is missing").error()
    if not _NAME.fullmatch(text) or len(text) > 253 or (text.replace(".", "").isdigit() and not _is_ip(text)):
        raise _Problem("the name", f"is {shown(text)}").error()
    return text.lower()


def _port(port: Any) -> int | None:
    if port in (None, ""):
        return None
    text = str(port).strip()
    if isinstance(port, bool) or not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise _Problem("the port", f"is {shown(port)}, not a number from 1 to 65535").error()
    return int(text)


def _agreed(part: str, first: Any, second: Any) -> Any:
    if first is not None and second is not None and first != second:
        raise ArgumentError(
            f"The host names the {part} {first}, and its own field {second}: write it in one place.", field="host"
        )
    return second if first is None else first


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    if _is_ip(name):
        return ip_address(name).is_loopback
    plain = name.rstrip(".")
    return plain == "localhost" or plain.endswith(".localhost")
