"""How operators and the sensor wait for a job: hand it to the triggerer, take it back, cancel it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import supervisor_delay
from airflow_provider.triggers.job import ENDED, TIMED_OUT, JobEvent, JobTrigger
from datalake_ops.errors import DatalakeError, JobWaitTimeoutError

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job

# Seconds that the trigger has to end by itself before Airflow ends it.
_MARGIN = 60.0
# Seconds in which the platform must answer about a job that is known to have ended.
_LAST_LOOK = 60.0


@dataclass(frozen=True)
class JobWait:
    """A wait for one job; `timeout` and `poll_interval` are seconds, None waits for ever or as the waiter likes."""

    datalake_conn_id: str
    job_id: str
    timeout: float | None = None
    poll_interval: float | None = None

    def deferral(self) -> dict[str, Any]:
        """Arguments of `defer` that continue the wait in the triggerer and resume in `execute_complete`."""
        now = time.time()
        trigger = JobTrigger(
            datalake_conn_id=self.datalake_conn_id,
            job_id=self.job_id,
            poll_interval=self.poll_interval,
            deadline_at=None if self.timeout is None else now + self.timeout,
            fire_after=now + supervisor_delay(),
        )
        # The trigger keeps the deadline; Airflow's own, later one only ends a trigger that hangs.
        margin = max(_MARGIN, 2 * (self.poll_interval or 0.0))
        backstop = None if self.timeout is None else timedelta(seconds=self.timeout + margin)
        return {"trigger": trigger, "method_name": "execute_complete", "timeout": backstop}


def finish(event: JobEvent, datalake: SharedHook) -> Job:
    """Take a job back from the triggerer: the job, once the core has found that it succeeded.

    Raises:
        JobFailedError, JobKilledError: the job did not succeed; the error tells why and shows the end of its log.
        JobWaitTimeoutError: the wait reached its deadline; the job goes on.
        DatalakeError: the triggerer could not ask the platform.
    """
    if event.outcome == TIMED_OUT:
        raise JobWaitTimeoutError(event.message)
    if event.outcome != ENDED:
        raise DatalakeError(f"The wait for job {event.job_id} broke off. {event.message}")
    return datalake.wait_for_job(event.job_id, timeout=_LAST_LOOK)
