"""Classification of errors for every orchestrator's retries. Pure decisions, no clock."""

from __future__ import annotations

from enum import Enum

from datalake_ops.errors import (
    AmbiguousRequestError,
    AnswerError,
    BadRequestError,
    ConfigurationError,
    ForbiddenError,
    InsufficientResourcesError,
    InvalidFileError,
    JobKilledError,
    JobLostError,
    NetworkError,
    NoDataError,
    NotFoundError,
    QualityGateError,
    RequestTooLargeError,
    ResourceLockedError,
    ServerError,
    StorageFullError,
    UnauthorizedError,
    UnsupportedError,
)

_LATER = frozenset({408, 425, 429})
# A second try meets the same refusal; after an ambiguous request it may also start a second job.
_HOPELESS = (
    ConfigurationError,
    BadRequestError,
    UnauthorizedError,
    InsufficientResourcesError,
    ForbiddenError,
    NotFoundError,
    NoDataError,
    RequestTooLargeError,
    StorageFullError,
    UnsupportedError,
    InvalidFileError,
    AmbiguousRequestError,
    QualityGateError,
)


class Remedy(Enum):
    """Remedy for an error."""

    WAIT = "wait"  # the same call may well succeed later
    AGAIN = "again"  # the work was lost, not wrong: start it anew
    GIVE_UP = "give up"  # somebody must change something first
    UNKNOWN = "unknown"  # the caller's own settings decide


def remedy_of(error: BaseException) -> Remedy:
    """Remedy for an error of datalake-ops; other errors are unknown."""
    if is_transient(error):
        return Remedy.WAIT
    if isinstance(error, (JobKilledError, JobLostError)):
        return Remedy.AGAIN
    return Remedy.GIVE_UP if isinstance(error, _HOPELESS) else Remedy.UNKNOWN


def is_transient(error: BaseException) -> bool:
    """Return True if the same call may succeed later: no answer, 408, 423, 425, 429, and 500 and above but 507.

    An ambiguous request is not repeated: it may have started a job already.
    """
    if isinstance(error, AmbiguousRequestError):
        return False
    if isinstance(error, AnswerError):
        return isinstance(error, (ServerError, ResourceLockedError)) or error.status in _LATER
    return isinstance(error, NetworkError)


def told_delay(error: BaseException) -> float | None:
    """Seconds of the platform's `Retry-After`; None without one."""
    return error.retry_after if isinstance(error, AnswerError) else None
