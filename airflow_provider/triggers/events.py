"""Events that the triggers fire for the tasks that wait for them.

Apart from the triggers: importing Airflow's base class of those would slow the parsing of DAG files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from airflow_provider.compat import AirflowException
from datalake_ops import errors
from datalake_ops.errors import AnswerError, DatalakeError

ENDED = "ended"
ARRIVED = "arrived"
TIMED_OUT = "timed out"
LOST = "lost"


class ErrorFields(TypedDict):
    """Fields of an event that describe the error of a trigger."""

    message: str
    error: str
    status: int
    retry_after: float | None


def error_fields(error: DatalakeError) -> ErrorFields:
    """Fields of an event for an error: its text, its class, and the platform's status and `Retry-After`."""
    status, retry_after = (error.status, error.retry_after) if isinstance(error, AnswerError) else (0, None)
    return {"message": str(error), "error": type(error).__name__, "status": status, "retry_after": retry_after}


@dataclass(frozen=True)
class JobEvent:
    """Event of JobTrigger: the job ended, the wait timed out, or the platform could not be asked."""

    job_id: str
    outcome: str
    message: str = ""
    error: str = ""
    status: int = 0
    retry_after: float | None = None

    @classmethod
    def read(cls, payload: Any) -> JobEvent:
        """Read an event's payload.

        Raises:
            AirflowException: it is not an event of this trigger.
        """
        if not isinstance(payload, dict) or payload.get("outcome") not in (ENDED, TIMED_OUT, LOST):
            raise AirflowException(f"The task was resumed by an event that JobTrigger never sends: {payload!r}")
        return cls(str(payload.get("job_id", "")), payload["outcome"], **_read(payload))

    def as_error(self) -> DatalakeError:
        """The error that broke the wait off, of the kind that the trigger met, so that it is treated alike."""
        return _error(self, f"The wait for job {self.job_id} broke off. {self.error}: {self.message}")


@dataclass(frozen=True)
class DataEvent:
    """Event of DataTrigger: the data arrived, did not arrive in time, or the platform could not be asked."""

    outcome: str
    count: int = 0
    message: str = ""
    error: str = ""
    status: int = 0
    retry_after: float | None = None

    @classmethod
    def read(cls, payload: Any) -> DataEvent:
        """Read an event's payload.

        Raises:
            AirflowException: it is not an event of this trigger.
        """
        if not isinstance(payload, dict) or payload.get("outcome") not in (ARRIVED, TIMED_OUT, LOST):
            raise AirflowException(f"The task was resumed by an event that DataTrigger never sends: {payload!r}")
        return cls(payload["outcome"], int(payload.get("count", 0)), **_read(payload))

    def as_error(self) -> DatalakeError:
        """The error that broke the wait off, of the kind that the trigger met, so that it is treated alike."""
        return _error(self, f"The wait for data broke off. {self.error}: {self.message}")


def _read(payload: dict[str, Any]) -> ErrorFields:
    retry_after = payload.get("retry_after")
    return {
        "message": str(payload.get("message", "")),
        "error": str(payload.get("error", "")),
        "status": int(payload.get("status", 0)),
        "retry_after": None if retry_after is None else float(retry_after),
    }


def _error(event: JobEvent | DataEvent, text: str) -> DatalakeError:
    kind = getattr(errors, event.error, None)
    if not isinstance(kind, type) or not issubclass(kind, DatalakeError):
        return DatalakeError(text)
    if issubclass(kind, AnswerError):
        return kind(text, status=event.status, retry_after=event.retry_after)
    return kind(text)
