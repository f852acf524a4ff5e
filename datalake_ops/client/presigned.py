"""Requests to presigned addresses: no API headers, repeated while that may help, and never naming the signature."""

from __future__ import annotations

import random
import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from datalake_ops.client.async_session import LONGEST_REDIRECTION, REDIRECTS, AsyncSession
from datalake_ops.client.error_mapping import ADVICE
from datalake_ops.client.operation import Repeat
from datalake_ops.client.retry import Failure, Loss, RetryProgress, is_early, next_delay, read_retry_after
from datalake_ops.client.transport.address import (
    Origin,
    basic_authorization,
    header_lines,
    host_header,
    request_target,
)
from datalake_ops.client.transport.connection_pool import ConnectionTimeouts, HttpRequest, StreamedResponse
from datalake_ops.errors import (
    ERROR_OF_STATUS,
    AnswerError,
    AnswerTimeoutError,
    DatalakeError,
    NetworkError,
    ServerError,
)

_REASON = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
_LONGEST_REASON = 300
_LONGEST_TEXT = 4096
_MOST_HOPS = 5
_TOO_SLOW = "<Code>RequestTimeout</Code>"


class Body(Protocol):
    """Body of a request to the storage; made anew for each try."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    @property
    def content(self) -> bytes | AsyncIterable[bytes]:
        """The bytes, or their pieces in order."""

    @property
    def broken(self) -> Exception | None:
        """Why the pieces ended early, if they did."""


@dataclass(frozen=True)
class StorageRequest:
    """One request to a presigned address; sending it twice is as good as once."""

    method: str
    url: str = field(repr=False)  # its query is a credential
    body: Callable[[], Body]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Method and address without the signature, fit for messages."""
        return f"{self.method} {_shown(self.url)}"


@dataclass(frozen=True)
class StorageAnswer:
    """Final response of the storage; the names of its header fields are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str
    where: str

    def accepted(self) -> StorageAnswer:
        """This answer, if the storage took the bytes.

        Raises:
            AnswerError: it refused.
        """
        # 302 and 303 follow a form that was taken: its policy names a page to go on to.
        if self.status < 300 or self.status in (302, 303):
            return self
        raise refusal(self.status, self.where, self.text)


@dataclass
class Tries:
    """The tries of one exchange; sleeps between them as the session's policy says.

    Only these pauses spend the policy's budget: a body that is long on its way, or waits for its turn, is no outage.
    """

    session: AsyncSession
    host: str = ""
    count: int = 0
    paused: float = 0.0
    started_at: float = field(default_factory=time.monotonic)

    async def again(self, failure: Failure) -> bool:
        """Sleep, then True; or False at once when there is no further try."""
        self.count += 1
        progress = RetryProgress(self.count, self.paused)
        policy = self.session.connection.retry
        delay = next_delay(policy, Repeat.FREELY, failure, progress, random.random())
        if delay is None:
            if self.host:
                self.session.gate.gave_up(self.host, failure, self.started_at)
            return False
        self.paused += delay
        await self.session.gate.rest(delay, early=is_early(policy, self.count))
        return True


async def exchange(
    session: AsyncSession, request: StorageRequest, on_repeat: Callable[[], None] = lambda: None
) -> StorageAnswer:
    """Send a request to the storage until it is answered, and return the answer, also a refusing one.

    Raises:
        NetworkError: no answer, within the retry policy.
        Exception: what broke the body (`Body.broken`), at once.
    """
    tries = Tries(session, host_of(request.url))
    hops = 0
    while True:
        body = request.body()
        answer = await _send(session, request, body)
        if isinstance(answer, StorageAnswer) and hops < _MOST_HOPS and (moved := _moved(request, answer)):
            # Followed here, because the HTTP client cannot send a streamed body a second time.
            request, hops = moved, hops + 1
            continue
        if isinstance(answer, StorageAnswer):
            failure = failure_of(answer)
        elif body.broken is not None:
            raise body.broken
        else:
            failure = Failure(loss=Loss.CUT)
        if failure.is_transient and await tries.again(failure):
            on_repeat()
        elif isinstance(answer, StorageAnswer):
            return answer
        else:
            raise answer


async def receive(
    session: AsyncSession,
    url: str,
    write: Callable[[bytes], Awaitable[None]],
    start: int = 0,
    restart: Callable[[], Awaitable[None]] | None = None,
) -> StorageAnswer:
    """Fetch an address once, handing each piece to `write`; a refusing answer is returned and nothing is written.

    With `start` only the bytes from there on are asked for; `restart` is awaited when the storage sends all of them.

    Raises:
        NetworkError: the connection ended before the whole body came.
    """
    # A compressed transfer would make Content-Length speak of other bytes than those written.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    where = f"GET {_shown(url)}"
    async with (
        _passed(session, url, brief=False) as passage,
        _opened(session, url, where, headers) as response,
    ):
        answer_headers = response.headers()
        if response.status >= 300:
            answer = StorageAnswer(response.status, answer_headers, await _text(response), where)
            passage.failure = failure_of(answer)
            return answer
        if start and not answer_headers.get("content-range", "").startswith(f"bytes {start}-"):
            if response.status == 206 or restart is None:
                raise NetworkError(f"The storage sent other bytes than those asked for in {where}.")
            await restart()
        async for piece in response.pieces():
            await write(piece)
        return StorageAnswer(response.status, answer_headers, "", where)


def refusal(status: int, where: str, text: str) -> AnswerError:
    """The typed error of a storage's refusal; the reason is read from S3's XML where there is one."""
    found = _REASON.search(text)
    reason = (found.group(1) if found else text).strip()[:_LONGEST_REASON] or "no reason given"
    kind = ERROR_OF_STATUS.get(status, ServerError if status >= 500 else AnswerError)
    advice = f" {ADVICE[status]}" if status == HTTPStatus.INSUFFICIENT_STORAGE else ""
    return kind(f"The storage refused {where} ({status}): {reason}{advice}", status=status)


async def _send(session: AsyncSession, request: StorageRequest, body: Body) -> StorageAnswer | NetworkError:
    content = body.content
    # A body says its length beforehand: presigned forms are not taken in chunks.
    size = len(content) if isinstance(content, bytes) else body.size
    headers = {"Content-Length": str(size), **request.headers}
    try:
        async with _passed(session, request.url, brief=isinstance(content, bytes)) as passage:
            with _network_errors(request.where):
                sent = _http_request(request.method, request.url, headers, content, size)
                response = await session.pool.send(sent, _timeouts(session))
            text = response.body[:_LONGEST_TEXT].decode("utf-8", "replace")
            answer = StorageAnswer(response.status, response.headers(), text, request.where)
            passage.failure = None if answer.status < 400 else failure_of(answer)
            return answer
    except NetworkError as error:
        return error


def _http_request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | AsyncIterable[bytes] = b"",
    size: int = 0,
) -> HttpRequest:
    try:
        fields = {"Host": host_header(url), "Accept": "*/*", **headers}
        user = basic_authorization(urlsplit(url))
        if user is not None:
            fields.setdefault("Authorization", user)
        return HttpRequest(method, Origin.of(url), request_target(url), header_lines(fields), content, size)
    except ValueError as error:
        raise ConnectionError(f"the address cannot be used ({error})") from error


def _timeouts(session: AsyncSession) -> ConnectionTimeouts:
    timeouts = session.connection.timeouts
    return ConnectionTimeouts(timeouts.connect, timeouts.storage)


@dataclass
class _Passage:
    failure: Failure | None = None


@asynccontextmanager
async def _passed(session: AsyncSession, url: str, brief: bool) -> AsyncIterator[_Passage]:
    ticket = await session.gate.enter(host_of(url))
    passage = _Passage()
    try:
        yield passage
    except NetworkError:
        session.gate.leave(ticket, Failure(loss=Loss.CUT), brief=False)
        raise
    except BaseException:
        session.gate.abandon(ticket)
        raise
    session.gate.leave(ticket, passage.failure, brief=brief)


@asynccontextmanager
async def _opened(
    session: AsyncSession, url: str, where: str, headers: Mapping[str, str]
) -> AsyncIterator[StreamedResponse]:
    with _network_errors(where):
        for _ in range(LONGEST_REDIRECTION):
            async with session.pool.open(_http_request("GET", url, headers), _timeouts(session)) as response:
                location = response.headers().get("location") if response.status in REDIRECTS else None
                if location is None:
                    yield response
                    return
            url = urljoin(url, location)
        raise ConnectionError("too many redirections")


@contextmanager
def _network_errors(where: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise AnswerTimeoutError(f"The storage did not answer {where} in time.") from error
    except ConnectionError as error:
        if isinstance(error, DatalakeError):
            raise
        raise NetworkError(f"The connection to the storage failed in {where} ({type(error).__name__}).") from error


def _moved(request: StorageRequest, answer: StorageAnswer) -> StorageRequest | None:
    location = answer.headers.get("location")
    if answer.status not in (307, 308) or not location:
        return None
    return replace(request, url=urljoin(request.url, location))


async def _text(response: StreamedResponse) -> str:
    text = b""
    async for piece in response.pieces():
        text += piece
        if len(text) >= _LONGEST_TEXT:
            break
    return text[:_LONGEST_TEXT].decode("utf-8", "replace")


def failure_of(answer: StorageAnswer) -> Failure:
    """Return an answer of the storage as a failure for the retry policy."""
    # S3 says so, with a 400, of a body that came too slowly.
    status = 408 if answer.status == 400 and _TOO_SLOW in answer.text else answer.status
    return Failure(status=status, retry_after=read_retry_after(answer.headers.get("retry-after"), time.time()))


def host_of(url: str) -> str:
    """The server of an address, as the gate knows it."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
