"""What every operator that starts a job has in common: start it once, show it, wait for it, cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowException, BaseOperator, default_deferrable
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.identity import TaskIdentity, submit_once
from airflow_provider.links import DatalakeLink, JobLink
from airflow_provider.triggers.job import JobEvent
from airflow_provider.waiting import JobWait, cancel_job, finish
from datalake_ops.errors import DatalakeError, JobWaitTimeoutError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.config import Connection
    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job


class JobOperator(BaseOperator):
    """Starts a job and returns its id, after the job succeeded unless told not to wait.

    A retry of the task finds the job that an earlier try started and waits for it; it starts another one only when
    that job failed. Clearing the task starts a new job. A platform without the extension `idempotency-key` cannot
    tell, so there a retry starts a new job.

    Args:
        datalake_conn_id: The Airflow connection.
        wait_for_completion: Wait for the job; otherwise hand its id on, for a `JobSensor` to wait for.
        deferrable: Wait in the triggerer, without holding a worker; the default is Airflow's
            `[operators] default_deferrable`.
        poll_interval: Seconds between looks at the job; None begins with short ones and lets them grow.
        timeout: Seconds after which to stop waiting; the job goes on. None waits for ever.

    Raises:
        JobFailedError, JobKilledError: the job did not succeed; the error tells why and shows the end of its log.
        JobWaitTimeoutError: the wait took longer than `timeout`.
    """

    operator_extra_links = (JobLink(), DatalakeLink())
    ui_color = "#e8f0d8"
    # Seconds to wait on the worker before deferring: most short jobs end in them, and moving costs more than that.
    grace_seconds = 5.0

    def __init__(
        self,
        *,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        wait_for_completion: bool = True,
        deferrable: bool | None = None,
        poll_interval: float | None = None,
        timeout: float | None = 3600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.datalake_conn_id = datalake_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self._connection: Connection | None = None
        self._job_id: str | None = None
        self._killed = False

    def submit(self, datalake: SharedHook, idempotency_key: str, labels: dict[str, str]) -> Job:
        """Start the job; the one thing that differs between these operators."""
        raise NotImplementedError

    def execute(self, context: Context) -> str:
        """Start the job, show where it is, and wait for it."""
        with DatalakeHook(self.datalake_conn_id) as hook:
            job = self._start(hook.datalake, context)
            self._show(hook.datalake, job, context)
            if self.wait_for_completion:
                self._wait(hook.datalake, job)
            return str(job.id)

    def execute_complete(self, context: Context, event: Any = None) -> str:
        """Continue after the triggerer waited."""
        with DatalakeHook(self.datalake_conn_id) as hook:
            return finish(JobEvent.read(event), hook.datalake)

    def on_kill(self) -> None:
        """Cancel the job: Airflow stops this task on its worker."""
        self._killed = True
        if self._connection is None or self._job_id is None:
            return
        self.log.warning("This task is being stopped: cancelling job %s", self._job_id)
        # Called by a signal in the midst of anything, so a session that may be in use is not touched.
        try:
            cancel_job(self._connection, self._job_id)
        except DatalakeError as error:
            self.log.error("Job %s could not be cancelled and may go on: %s", self._job_id, error)

    def _start(self, datalake: SharedHook, context: Context) -> Job:
        identity = TaskIdentity.of(context)
        job = submit_once(
            lambda key: self.submit(datalake, key, identity.labels), identity, int(context["ti"].try_number)
        )
        self._connection, self._job_id = datalake.connection, str(job.id)
        if self._killed:
            self.on_kill()
        self._stop_if_killed()
        return job

    def _show(self, datalake: SharedHook, job: Job, context: Context) -> None:
        address = datalake.job_url(job)
        self.log.info("Job %s (%s): %s", job.id, job.status, address)
        JobLink().push(context, address)
        DatalakeLink().push(context, datalake.datalake_url())

    def _wait(self, datalake: SharedHook, job: Job) -> None:
        if not self.deferrable:
            datalake.wait_for_job(
                job, timeout=self.timeout, poll_interval=self.poll_interval, on_poll=self._stop_if_killed
            )
            return
        grace = self.grace_seconds if self.timeout is None else min(self.grace_seconds, self.timeout)
        try:
            datalake.wait_for_job(job, timeout=grace, on_poll=self._stop_if_killed)
        except JobWaitTimeoutError:
            left = None if self.timeout is None else self.timeout - grace
            self.defer(**JobWait(self.datalake_conn_id, str(job.id), left, self.poll_interval).deferral())

    def _stop_if_killed(self, _: Job | None = None) -> None:
        # Airflow lets `execute` go on after `on_kill`, and would call the task a success (apache/airflow #73006).
        if self._killed:
            raise AirflowException(f"The task was stopped while it waited for job {self._job_id}.")
