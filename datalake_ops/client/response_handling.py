"""Handling of an answer, or of its absence, in both shells."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from datalake_ops.client.error_mapping import is_refusal, refusal
from datalake_ops.client.operation import Operation, Repeat
from datalake_ops.client.retry import Failure, Loss, RetryProgress, next_delay, read_retry_after
from datalake_ops.config import RetryPolicy
from datalake_ops.errors import AmbiguousRequestError, AnswerTimeoutError, NetworkError, UnexpectedAnswerError

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """Status, body and `Retry-After` header of one answer."""

    status: int
    body: bytes
    retry_after: str | None = None

    @property
    def refuses(self) -> bool:
        """True if the platform did not do the work."""
        return is_refusal(self.status)

    @property
    def retry_after_seconds(self) -> float | None:
        """Seconds the platform asks to wait, if it does."""
        return read_retry_after(self.retry_after, time.time())


Outcome = Answer | tuple[Failure, Exception]


@dataclass
class Attempt:
    """The tries of one operation: asks the policy for the next delay, and raises when there is none.

    `started_at` is when the first one began, `failed_at` when it failed (monotonic seconds).
    """

    policy: RetryPolicy
    operation: Operation[Any]
    started_at: float
    count: int = 0
    failed_at: float | None = None

    def queued(self, seconds: float) -> None:
        """Some time passed before the next try could begin; it is taken from nobody's budget."""
        if self.failed_at is not None:
            self.failed_at += seconds

    def delay_or_raise(self, outcome: Outcome, now: float, jitter: float) -> float:
        """Seconds until the next try.

        Raises:
            AnswerError, NetworkError: no further try is allowed; the last failure is told.
        """
        self.count += 1
        self.failed_at = now if self.failed_at is None else self.failed_at
        failure = failure_of(outcome)
        progress = RetryProgress(self.count, now - self.failed_at)
        delay = next_delay(self.policy, self.operation.repeat, failure, progress, jitter)
        if delay is not None:
            return delay
        raise self._error(outcome, failure)

    def _error(self, outcome: Outcome, failure: Failure) -> Exception:
        where = f"{self.operation.method} {self.operation.path}"
        lost = self.operation.repeat is Repeat.ONCE and failure.is_ambiguous
        if isinstance(outcome, Answer):
            refused = refusal(self.operation, outcome.status, outcome.body, outcome.retry_after_seconds)
            if not lost:
                return refused
            cause: Exception = refused
        else:
            cause = outcome[1]
        if lost:
            error: Exception = AmbiguousRequestError(
                f"The answer to {where} was lost ({_brief(cause)}). The platform may have done the work: "
                "look before you send it again."
            )
        else:
            error = _network_error(where, failure, cause, self.count)
        error.__cause__ = cause
        return error


@dataclass(frozen=True)
class Unread(Generic[T]):
    """A successful answer that was not read into its value yet."""

    operation: Operation[T]
    answer: Answer

    @property
    def body(self) -> bytes:
        """The answer's bytes."""
        return self.answer.body

    def read(self) -> T:
        """The value.

        Raises:
            UnexpectedAnswerError: the body is not of the wire's form.
        """
        return read_answer(self.operation, self.answer)


def read_answer(operation: Operation[T], answer: Answer) -> T:
    """The value of a successful answer.

    Raises:
        UnexpectedAnswerError: the body is not of the wire's form.
    """
    try:
        return operation.read(answer.body)
    except (ValueError, KeyError, TypeError) as error:
        start = answer.body[:200].decode("utf-8", "replace")
        raise UnexpectedAnswerError(
            f"The answer to {operation.method} {operation.path} ({answer.status}) is not of the wire's form: it starts "
            f"with {start!r}. Check that the host is the platform itself and not a proxy's page."
        ) from error


def failure_of(outcome: Outcome) -> Failure:
    """Return an outcome as a failure for the retry policy."""
    if isinstance(outcome, Answer):
        return Failure(status=outcome.status, retry_after=outcome.retry_after_seconds)
    return outcome[0]


def _network_error(where: str, failure: Failure, cause: Exception, tries: int) -> NetworkError:
    if failure.loss is Loss.UNSENT:
        return NetworkError(
            f"The platform cannot be reached for {where} after {tries} tries ({_brief(cause)}). "
            "Check the host, the network and that the platform runs."
        )
    kind = AnswerTimeoutError if "timeout" in type(cause).__name__.lower() else NetworkError
    return kind(f"No answer to {where} after {tries} tries ({_brief(cause)}).")


def _brief(cause: Exception) -> str:
    text = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    return text if len(text) <= 300 else text[:297] + "..."
