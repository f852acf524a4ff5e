"""The blocking shell: sends operations with requests, repeats what may be repeated, raises what must be known."""

from __future__ import annotations

import random
import time
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import requests

from datalake_ops.client.headers import api_headers
from datalake_ops.client.operation import Operation
from datalake_ops.client.response_handling import Answer, Attempt, Unread
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.client.transport.network_rules import proxy_for, trusted_authorities, warn_if_unverified
from datalake_ops.client.transport.requests_adapter import RulesAdapter
from datalake_ops.config import Connection, RetryPolicy
from datalake_ops.errors import NetworkError

T = TypeVar("T")
_POOL_SIZE = 32
# Reasons of urllib3 that a connection was never made; a ProxyError says that the proxy opened no way to the server.
_BEFORE_SENDING = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError", "SSLError")
# A page of a listing is some hundred kB; in the 10 kB pieces of `Response.content` it costs a quarter more CPU.
_PIECE_BYTES = 2**20


class Session:
    """Sends operations over one pool of connections; safe to share between threads.

    Raises:
        ConfigurationError: the CA bundle is not there, or the environment names a proxy whose address cannot be right.
        AnswerError: the platform refused (one class per status).
        NetworkError: no answer, within the retry policy; AmbiguousRequestError where the work may have been done.
    """

    def __init__(self, connection: Connection, organization_id: UUID | None = None) -> None:
        self.connection = connection
        self.organization_id = organization_id
        self._http = requests.Session()
        # No .netrc, which would replace the API token; trust and proxies come from `network_rules`.
        self._http.trust_env = False
        trusted_authorities(connection.verify)
        proxy_for(connection.host)
        warn_if_unverified(connection.host, connection.verify)
        adapter = RulesAdapter(connection.verify, _POOL_SIZE)
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, operation: Operation[T], retry: RetryPolicy | None = None) -> T:
        """Send one operation and return what it reads from the answer; `retry` wins over the connection's policy."""
        return self.fetch(operation, retry).read()

    def fetch(self, operation: Operation[T], retry: RetryPolicy | None = None) -> Unread[T]:
        """Send one operation and return its answer as it came, for the caller to read when it likes."""
        attempt = Attempt(retry or self.connection.retry, operation, time.monotonic())
        while True:
            outcome = self._try(operation)
            if isinstance(outcome, Answer) and not outcome.refuses:
                return Unread(operation, outcome)
            time.sleep(attempt.delay_or_raise(outcome, time.monotonic(), random.random()))

    def reach(self, address: str) -> None:
        """Call the server of an address, without the address's secrets; whatever it answers, it is there.

        Raises:
            NetworkError: it does not answer.
        """
        parts = urlsplit(address)
        timeouts = self.connection.timeouts
        try:
            self._http.head(f"{parts.scheme}://{parts.netloc}/", timeout=(timeouts.connect, timeouts.connect))
        except requests.RequestException as error:
            raise NetworkError(
                f"{parts.netloc} cannot be reached ({type(error).__name__}). Files travel there directly: open the way "
                "to it, too."
            ) from error

    def _try(self, operation: Operation[Any]) -> Answer | tuple[Failure, Exception]:
        timeouts = self.connection.timeouts
        try:
            with self._http.request(
                operation.method,
                self.connection.host + operation.path,
                params=list(operation.query),
                data=operation.content(),
                headers={**api_headers(self.connection, self.organization_id), **operation.headers},
                timeout=(timeouts.connect, timeouts.api),
                stream=True,
            ) as response:
                body = b"".join(response.iter_content(_PIECE_BYTES))
                return Answer(response.status_code, body, response.headers.get("Retry-After"))
        except requests.RequestException as error:
            unsent = isinstance(error, requests.exceptions.ConnectTimeout) or _never_connected(error)
            return Failure(loss=Loss.UNSENT if unsent else Loss.CUT), error


def _never_connected(error: requests.RequestException) -> bool:
    # requests wraps urllib3's reason: ConnectionError(MaxRetryError(reason=NewConnectionError)).
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in (
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "ProxyError",
        "SSLError",
    )
