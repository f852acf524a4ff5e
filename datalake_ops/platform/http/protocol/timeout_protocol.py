"""HTTP/1.1 protocol of the server, extended so that a request which does not arrive in time frees its connection."""

from __future__ import annotations

import asyncio

from datalake_ops.platform.http.protocol.llhttp_protocol import LlhttpProtocol

REQUEST_SECONDS = 60.0
# Less than this in `request_seconds` is no transfer.
_PROGRESS_BYTES = 1024


class TimeoutProtocol(LlhttpProtocol):
    """HTTP/1.1 protocol that closes a connection when a request's head is not whole after `request_seconds`.

    So long, too, a body may stand still, or go on after the answer. Between two requests the keep-alive time holds.
    """

    request_seconds = REQUEST_SECONDS
    # When the request that now arrives began, None between two of them; when its body last made progress; when the end
    # of its answer was first seen.
    _began: float | None = None
    _progressed = 0.0
    _answered: float | None = None
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection."""
        super().connection_made(transport)
        self._start()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        if self._began is None:
            self._start()
        self._received += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin a request, which may have come together with the one before."""
        super().on_message_begin()
        self._start()

    def on_message_complete(self) -> None:
        """End a request."""
        super().on_message_complete()
        if not self._between:
            # It is parsed again, without its upgrade.
            return
        if self.cycle.response_complete:
            # The rest of a refused body was discarded; the next request may begin.
            self._start()
        else:
            self._began = None

    def _start(self) -> None:
        self._began = self._progressed = self.loop.time()
        self._answered = None
        self._received = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection that is closed."""
        self._watcher.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        # One timer a connection and not one a request: most requests arrive at once.
        self._watcher = self.loop.call_later(self.request_seconds / 4, self._look)

    def _look(self) -> None:
        if self._is_overdue(self.loop.time()):
            self.transport.abort()
        else:
            self._watch()

    def _is_overdue(self, now: float) -> bool:
        if self._began is None:
            return False
        if not self._in_body:
            if self._is_answering():
                # The beginning of the next request has the time from the end of this answer.
                self._start()
                return False
            return now - self._began >= self.request_seconds
        if self.cycle.response_complete:
            self._answered = self._answered or now
            return now - self._answered >= self.request_seconds
        if self._received >= _PROGRESS_BYTES or self.flow.read_paused:
            self._progressed, self._received = now, 0
        return now - self._progressed >= self.request_seconds


def protocol(seconds: float, base: type[TimeoutProtocol] = TimeoutProtocol) -> type[TimeoutProtocol]:
    """Create the protocol of a server whose requests have so many seconds to arrive."""
    return type(base.__name__, (base,), {"request_seconds": seconds})
