"""What every operator that starts a job has in common: start it once, show it, wait for it, cancel it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowException, default_deferrable
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.identity import TaskIdentity, submit_once
from airflow_provider.lineage import LineageOperator, Told, job_facts
from airflow_provider.links import DatalakeLink, JobLink
from airflow_provider.retrying import default_retry_policy, failing_at_once
from airflow_provider.stopping import cancel_or_log, stop_of, will_be_retried
from airflow_provider.triggers.job import JobEvent
from airflow_provider.waiting import JobWait, finish
from datalake_ops.errors import JobWaitTimeoutError
from datalake_ops.waiting.policy import CancelPolicy, OnStop, Stop

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.config import Connection
    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job

# Where a task keeps its job's id for the time after it was deferred.
JOB_ID_KEY = "job_id"


class JobOperator(LineageOperator):
    """Starts a job and returns its id, after the job succeeded unless told not to wait.

    A retry of the task finds the job that an earlier try started and waits for it; it starts another one only when
    that job failed or was cancelled. Clearing the task starts a new job.

    Args:
        datalake_conn_id: The Airflow connection.
        wait_for_completion: Wait for the job; otherwise hand its id on, for a `JobSensor` to wait for.
        deferrable: Wait in the triggerer, without holding a worker; the default is Airflow's
            `[operators] default_deferrable`.
        poll_interval: Seconds between looks at the job; None begins with short ones and lets them grow.
        timeout: Seconds after which to stop waiting; None waits for ever.
        on_kill: What becomes of the job ("cancel" or "leave") when the task is stopped: its worker is told to end, or
            somebody marks or clears it.
        on_timeout: The same, when `timeout` or `execution_timeout` is over. A job that is left is found by a retry.
        on_failure: The same, when the task fails while the job goes on, such as for a platform that cannot be reached,
            and no retry will take the job up.
        kwargs: What lineage is told of the job once it succeeded, see `LineageOperator`.

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
        on_kill: OnStop = "cancel",
        on_timeout: OnStop = "cancel",
        on_failure: OnStop = "cancel",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.datalake_conn_id = datalake_conn_id
        self.retry_policy = default_retry_policy(getattr(self, "retry_policy", None))
        self.wait_for_completion = wait_for_completion
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        # Airflow calls a method `on_kill`, so the argument of that name is kept here.
        self.cancel_policy = CancelPolicy(on_kill, on_timeout, on_failure)
        self._connection: Connection | None = None
        self._job_id: str | None = None
        self._killed = False
        self._settled = False

    def submit(self, datalake: SharedHook, idempotency_key: str, labels: dict[str, str]) -> Job:
        """Start the job; the one thing that differs between these operators."""
        raise NotImplementedError

    def execute(self, context: Context) -> str:
        """Start the job, show where it is, and wait for it."""
        with DatalakeHook(self.datalake_conn_id) as hook, failing_at_once(), self._guarded(context):
            job = self._start(hook.datalake, context)
            self._show(hook.datalake, job, context)
            if self.wait_for_completion:
                self._finished(context, hook.datalake, self._wait(hook.datalake, job))
            self._stop_if_killed()
            return str(job.id)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the triggerer waited, or after Airflow gave the trigger up."""
        with DatalakeHook(self.datalake_conn_id) as hook, failing_at_once(), self._guarded(context):
            self._job_id = context["ti"].xcom_pull(
                task_ids=context["ti"].task_id, key=JOB_ID_KEY, map_indexes=context["ti"].map_index
            )
            self._connection = hook.datalake.connection
            result = super().resume_execution(next_method, next_kwargs, context)
            self._stop_if_killed()
            return result

    def execute_complete(self, context: Context, event: Any = None) -> str:
        """Continue after the triggerer waited."""
        with DatalakeHook(self.datalake_conn_id) as hook:
            job = finish(JobEvent.read(event), hook.datalake)
            self._finished(context, hook.datalake, job)
            return str(job.id)

    def on_kill(self) -> None:
        """Stop the job as the policy says: Airflow stops this task on its worker."""
        if self._settled:
            return
        self._killed = True
        if self._connection is None or self._job_id is None or not self.cancel_policy.cancels(Stop.KILL):
            return
        self.log.warning("This task is being stopped: cancelling job %s", self._job_id)
        # Called by a signal in the midst of anything, so a session that may be in use is not touched.
        cancel_or_log(self._connection, self._job_id, self.log)

    def _finished(self, context: Context, datalake: SharedHook, job: Job) -> None:
        """What follows a job that succeeded, before its task does: once per task that waits, in both modes."""
        self.tell(context, self._outcome(datalake, job))

    def _outcome(self, datalake: SharedHook, job: Job) -> Told:
        """What lineage is told of a job that succeeded."""
        return Told(datalake.lake_uri(), facts=job_facts(job, datalake.job_url(job)))

    @contextmanager
    def _guarded(self, context: Context) -> Iterator[None]:
        """Do with the job what the policy says when the task is about to fail while the job goes on."""
        try:
            yield
        except BaseException as error:
            stop = stop_of(error)
            if stop is not None and not self._killed:
                self._settle(stop, error, context)
            raise

    def _settle(self, stop: Stop, error: BaseException, context: Context) -> None:
        # Airflow calls `on_kill` after a timeout too.
        self._settled = True
        adopted_later = stop is Stop.FAILURE and will_be_retried(error, context)
        if self._connection is None or self._job_id is None or not self.cancel_policy.cancels(stop, adopted_later):
            return
        self.log.warning("This task fails by a %s: cancelling job %s", stop.value, self._job_id)
        cancel_or_log(self._connection, self._job_id, self.log)

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
        context["ti"].xcom_push(key=JOB_ID_KEY, value=str(job.id))
        # OpenLineage asks for a task that failed too, and then the job is what there is to tell.
        self._told = self._outcome(datalake, job)

    def _wait(self, datalake: SharedHook, job: Job) -> Job:
        if not self.deferrable:
            return datalake.wait_for_job(
                job, timeout=self.timeout, poll_interval=self.poll_interval, on_poll=self._stop_if_killed
            )
        grace = self.grace_seconds if self.timeout is None else min(self.grace_seconds, self.timeout)
        try:
            return datalake.wait_for_job(job, timeout=grace, on_poll=self._stop_if_killed)
        except JobWaitTimeoutError:
            left = None if self.timeout is None else self.timeout - grace
            self.defer(**JobWait(self.datalake_conn_id, str(job.id), left, self.poll_interval).deferral())
            raise

    def _stop_if_killed(self, _: Job | None = None) -> None:
        # Airflow lets `execute` go on after `on_kill`, and would call the task a success (apache/airflow #73006).
        if self._killed:
            raise AirflowException(f"The task was stopped while it waited for job {self._job_id}.")
