"""Protocol of the server, extended so that a scripted fault can cut the connection."""

from __future__ import annotations

import asyncio
from typing import cast

from starlette.types import ASGIApp, Receive, Scope, Send

from datalake_ops.platform.http.protocol.timeout_protocol import TimeoutProtocol

# Key of the ASGI scope that holds the function which cuts the connection.
CUT = "datalake.cut"


class CuttableProtocol(TimeoutProtocol):
    """HTTP/1.1 protocol that puts a function to abort the connection into each request's scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection."""
        super().connection_made(transport)
        inner = cast("ASGIApp", self.app)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[CUT] = transport.abort
            await inner(scope, receive, send)

        self.app = app
