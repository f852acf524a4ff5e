"""Middleware that counts every request and logs it."""

from __future__ import annotations

from http import HTTPStatus
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datalake_ops.platform.http.access_log import AccessLog
from datalake_ops.platform.http.metrics import Metrics

# No answer was sent: the client had gone. The word of nginx for it, which has no name in the standard.
_CLIENT_GONE = 499


class RequestObserver:
    """Middleware for metrics and the access log."""

    def __init__(self, app: ASGIApp, metrics: Metrics, access_log: AccessLog | None) -> None:
        self._app = app
        self._metrics = metrics
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, size, started = _CLIENT_GONE, 0, perf_counter()

        async def note(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            seconds = perf_counter() - started
            self._metrics.count(scope, int(status), seconds)
            if self._access_log is not None:
                self._access_log.write(scope, int(status), size, seconds)
