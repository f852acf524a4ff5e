"""What the triggers tell the tasks that wait for them.

Apart from the triggers, for Airflow's base of those is a good part of what parsing a DAG file would cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider.compat import AirflowException
from datalake_ops import errors
from datalake_ops.errors import DatalakeError

ENDED = "ended"
ARRIVED = "arrived"
TIMED_OUT = "timed out"
LOST = "lost"


@dataclass(frozen=True)
class JobEvent:
    """What the trigger tells the task: the job ended, the wait timed out, or the platform could not be asked."""

    job_id: str
    outcome: str
    message: str = ""
    error: str = ""

    @classmethod
    def read(cls, payload: Any) -> JobEvent:
        """Read an event's payload.

        Raises:
            AirflowException: it is not an event of this trigger.
        """
        if not isinstance(payload, dict) or payload.get("outcome") not in (ENDED, TIMED_OUT, LOST):
            raise AirflowException(f"The task was resumed by an event that JobTrigger never sends: {payload!r}")
        told = {name: str(payload.get(name, "")) for name in ("job_id", "message", "error")}
        return cls(outcome=payload["outcome"], **told)

    def as_error(self) -> DatalakeError:
        """The error that broke the wait off, of the kind that the trigger met, so that it is treated alike."""
        text = f"The wait for job {self.job_id} broke off. {self.error}: {self.message}"
        kind = getattr(errors, self.error, None)
        if isinstance(kind, type) and issubclass(kind, DatalakeError):
            return kind(text)
        return DatalakeError(text)


@dataclass(frozen=True)
class DataEvent:
    """What the trigger tells the task: the data arrived, did not in time, or the platform could not be asked."""

    outcome: str
    count: int = 0
    message: str = ""

    @classmethod
    def read(cls, payload: Any) -> DataEvent:
        """Read an event's payload.

        Raises:
            AirflowException: it is not an event of this trigger.
        """
        if not isinstance(payload, dict) or payload.get("outcome") not in (ARRIVED, TIMED_OUT, LOST):
            raise AirflowException(f"The task was resumed by an event that DataTrigger never sends: {payload!r}")
        return cls(payload["outcome"], int(payload.get("count", 0)), str(payload.get("message", "")))
