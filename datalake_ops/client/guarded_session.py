"""HTTP sessions for fsspec that visit only what a rule lets through, also after redirects."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult
    from aiohttp.client_middlewares import ClientHandlerType


class VisitRule(Protocol):
    """Rule of the addresses that may be visited."""

    def refusal(self, url: str) -> str | None:
        """Return why an address is not to be visited; None if it is."""

    def connection_refusal(self, host: str, port: int, ip: str) -> str | None:
        """Return why no connection is to be made to the IP address of a host; None if one is."""


@dataclass(frozen=True)
class GuardedSession:
    """Maker of aiohttp sessions for `get_client` of fsspec's http file system; equal ones share a file system.

    `make` is the caller's own `get_client`, if there is one. What the rule refuses raises `PermissionError`.
    """

    rule: VisitRule
    make: Callable[..., Awaitable[Any]] | None = None

    async def __call__(self, **options: Any) -> aiohttp.ClientSession:
        """Make a session; a connector of the caller's cannot be guarded, and is refused."""
        import aiohttp

        if options.get("connector") is not None:
            raise PermissionError("storage_options with a connector of their own cannot be used with a manifest")
        guards = {
            "connector": aiohttp.TCPConnector(resolver=_resolver(self.rule, bool(options.get("trust_env")))),
            "middlewares": (self._visit, *options.get("middlewares", ())),
        }
        if self.make is not None:
            session: aiohttp.ClientSession = await self.make(**{**options, **guards})
            return session
        return aiohttp.ClientSession(**{**options, **guards})

    async def _visit(self, request: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
        if (reason := self.rule.refusal(str(request.url))) is not None:
            raise PermissionError(reason)
        return await handler(request)


def _resolver(rule: VisitRule, uses_proxies: bool) -> Any:
    from aiohttp.abc import AbstractResolver
    from aiohttp.resolver import DefaultResolver

    proxies = {(at.hostname, at.port) for at in map(urlsplit, getproxies().values())} if uses_proxies else set()

    class GuardedResolver(AbstractResolver):
        """Name look-up that refuses addresses when a connection is made, so that no later look-up has another."""

        def __init__(self) -> None:
            self._resolver = DefaultResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await self._resolver.resolve(host, port, family)
            for one in found if (host, port) not in proxies else ():
                if (reason := rule.connection_refusal(host, port, one["host"])) is not None:
                    raise PermissionError(reason)
            return found

        async def close(self) -> None:
            await self._resolver.close()

    return GuardedResolver()
