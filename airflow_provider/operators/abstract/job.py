"""Abstract operator that starts a job once, shows it, waits for it and cancels it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import default_deferrable, gave_trigger_up
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.job_lifecycle.cancel import JobGuard
from airflow_provider.job_lifecycle.retry_policy import default_retry_policy, failing_at_once
from airflow_provider.job_lifecycle.start import JobStart
from airflow_provider.job_lifecycle.wait import (
    JobWaitSettings,
    finish,
    last_look,
    own_job,
    remember_job,
    remembered_job,
    wait_on_worker,
)
from airflow_provider.lineage.record import LineageRecord, job_facts
from airflow_provider.links import DatalakeLink, DataLink, JobLink
from airflow_provider.operators.abstract.arguments import ArgumentsOperator
from airflow_provider.operators.abstract.asset_events import LineageOperator
from airflow_provider.operators.abstract.fields import CONNECTION, POSITIVE_SECONDS, SECONDS, static_flag, whole
from airflow_provider.operators.abstract.on_empty import ends_empty
from airflow_provider.triggers.events import JobEvent
from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import DatalakeError
from datalake_ops.waiting.cancel_policy import CancelPolicy, OnStop
from datalake_ops.waiting.job_outcome import shortfall

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job


_WAIT_FIELDS = ("timeout", "poll_interval", "max_failed_polls", "log_interval")


class JobOperator(LineageOperator, ArgumentsOperator):
    """Starts a job and returns its id, after the job succeeded unless `wait_for_completion` is False.

    A retry of the task finds the job that an earlier try started and waits for it; it starts another one only when
    that job failed, was cancelled or is no longer known. Clearing the task starts a new job, and cancels what it
    left running.

    Args:
        datalake_conn_id: The Airflow connection (templated).
        wait_for_completion: Wait for the job; otherwise hand its id on, for a `JobSensor` to wait for.
        deferrable: Wait in the triggerer, without holding a worker; the default is Airflow's
            `[operators] default_deferrable`.
        poll_interval: Seconds between polls of the job; None begins with short ones and lets them grow (templated).
        timeout: Seconds after which to stop waiting; None waits without an end. Seconds may be a number, its text or
            a timedelta (templated).
        on_kill: What becomes of the job ("cancel" or "leave") when the task is stopped: its worker is told to end, or
            somebody marks or clears it.
        on_timeout: The same, when `timeout` or `execution_timeout` is over. A job that is left is found by a retry.
        on_failure: The same, when the task fails while the job goes on, such as for a platform that cannot be reached,
            and no retry will take the job up.
        max_failed_polls: How many polls of the job may fail in a row; None gives the platform five minutes (templated).
        log_interval: Seconds between reads of the job's log, whose new lines appear in the task's; None shows none
            (templated).
        on_empty: End of a task that has nothing to do because no data match, or its input is empty: "skip" it, let it
            "succeed" with no job, or "fail" it without retries.
        kwargs: Lineage of a job that succeeded, see `LineageOperator`.

    Raises:
        JobFailedError, JobKilledError: the job did not succeed; the error tells why and shows the end of its log.
        JobLostError: the platform no longer knows the job; a retry starts another.
        JobWaitTimeoutError: the wait took longer than `timeout`.
    """

    argument_fields = {
        "datalake_conn_id": CONNECTION,
        "timeout": POSITIVE_SECONDS,
        "poll_interval": POSITIVE_SECONDS,
        "max_failed_polls": whole(0),
        "log_interval": SECONDS,
    }
    operator_extra_links = (JobLink(), DatalakeLink(), DataLink())
    ui_color = "#e8f0d8"
    # Seconds to wait on the worker before deferring: most short jobs end in them, and moving costs more than that.
    grace_seconds = 5.0

    def __init__(
        self,
        *,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        wait_for_completion: bool | str = True,
        deferrable: bool | str | None = None,
        poll_interval: float | str | timedelta | None = None,
        timeout: float | str | timedelta | None = 3600.0,
        on_kill: OnStop = "cancel",
        on_timeout: OnStop = "cancel",
        on_failure: OnStop = "cancel",
        max_failed_polls: int | str | None = None,
        log_interval: float | str | timedelta | None = 10.0,
        on_empty: OnEmpty = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.datalake_conn_id = datalake_conn_id
        self.retry_policy = default_retry_policy(getattr(self, "retry_policy", None))
        self.wait_for_completion = static_flag("wait_for_completion", wait_for_completion, True)
        self.deferrable = static_flag("deferrable", deferrable, default_deferrable())
        self.poll_interval = poll_interval
        self.timeout = timeout
        # Airflow calls a method `on_kill`, so the argument of that name is kept here.
        self.cancel_policy = CancelPolicy(on_kill, on_timeout, on_failure)
        self.max_failed_polls = max_failed_polls
        self.log_interval = log_interval
        self.on_empty = arguments.on_empty(on_empty)
        self._guard = JobGuard(self.cancel_policy)

    @property
    def query_text(self) -> str:
        """Query-language text for the link to the lake: the data that the task is about."""
        return ""

    @property
    def data_text(self) -> str:
        """Query-language text that finds the very data of the job, where they are few enough to be named."""
        return ""

    def submit(self, datalake: SharedHook, idempotency_key: str, labels: dict[str, str]) -> Job:
        """Start the job; the one thing that differs between these operators."""
        raise NotImplementedError

    def execute(self, context: Context) -> str | None:
        """Start the job, show its link, and wait for it; return its id, or None where there was nothing to do.

        Raises:
            AirflowSkipException: there is nothing to do, and `on_empty` is "skip".
        """
        with failing_at_once(), ends_empty(self.on_empty, self.log) as end:
            self.normalise_arguments()
        if end.is_empty:
            return None
        self._record = None
        # A try before this one may have started a job.
        job_runs = int(context["ti"].try_number) > 1
        with DatalakeHook(self.datalake_conn_id, job_runs=job_runs) as hook, self._guard.guarding(context):
            # Innermost what may forbid retries, for the guard has to know whether there will be one.
            with failing_at_once(), ends_empty(self.on_empty, self.log) as end:
                job = self._start(hook.datalake, context).job()
                self._show(hook.datalake, job, context)
                if self.wait_for_completion:
                    self._succeeded(context, hook.datalake, self._wait(hook.datalake, job, context))
            self._guard.stop_if_killed()
            return None if end.is_empty else str(job.id)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the triggerer waited, or after Airflow gave the trigger up."""
        try:
            self.normalise_arguments()
        except DatalakeError as error:
            # Templates are rendered again; the job was started with the arguments of before.
            self.log.warning("The arguments have changed since the job was started: %s", error)
        patient = DatalakeHook(self.datalake_conn_id, job_runs=True)
        with patient as hook, self._guard.guarding(context), failing_at_once():
            start = self._start(hook.datalake, context)
            start.is_open = True
            if job_id := remembered_job(context):
                self._guard.knows(job_id)
            if gave_trigger_up(next_method, next_kwargs):
                next_method, next_kwargs = "execute_late", {}
            result = super().resume_execution(next_method, next_kwargs, context)
            self._guard.stop_if_killed()
            return result

    def execute_complete(self, context: Context, event: Any = None) -> str:
        """Continue after the triggerer waited."""
        with DatalakeHook(self.datalake_conn_id, job_runs=True) as hook:
            ended = JobEvent.read(event)
            with own_job(ended.job_id):
                job = finish(ended, hook.datalake, context)
            self._succeeded(context, hook.datalake, job)
            return str(job.id)

    def execute_late(self, context: Context) -> str:
        """Continue after the triggerer fired no event in time, with the job as it is now."""
        with DatalakeHook(self.datalake_conn_id, job_runs=True) as hook:
            job_id = remembered_job(context)
            with own_job(job_id or ""):
                event = last_look(job_id, hook.datalake)
        return self.execute_complete(context, asdict(event))

    def on_kill(self) -> None:
        """Apply the cancel policy to the job: Airflow stops this task on its worker."""
        self._guard.kill()

    def _finished(self, context: Context, datalake: SharedHook, job: Job) -> None:
        """Report a job that succeeded, before its task does; called once per task that waits, in both modes."""
        self._note_outcome(datalake, job)
        if self._record is not None:
            self.record_lineage(context, self._record)

    def _note_outcome(self, datalake: SharedHook, job: Job) -> None:
        try:
            self._record = self._outcome(datalake, job)
        # Lineage fails no task: the job does its work all the same.
        except Exception:
            self.log.warning("The lineage of job %s could not be recorded.", job.id, exc_info=True)

    def _outcome(self, datalake: SharedHook, job: Job) -> LineageRecord:
        """Lineage record of a job that succeeded."""
        return LineageRecord(datalake.lake_uri(), facts=job_facts(job, datalake.job_url(job)))

    def _succeeded(self, context: Context, datalake: SharedHook, job: Job) -> None:
        if lacking := shortfall(job.counts):
            self.log.warning("Job %s succeeded in part: %s. See %s", job.id, lacking, datalake.job_url(job))
        self._finished(context, datalake, job)

    def _start(self, datalake: SharedHook, context: Context) -> JobStart:
        start = JobStart(
            datalake,
            context,
            lambda key, labels: self.submit(datalake, key, labels),
            self.cancel_policy,
            self.log,
            self._guard.knows,
        )
        self._guard.expects(start)
        return start

    def _show(self, datalake: SharedHook, job: Job, context: Context) -> None:
        address = datalake.job_url(job)
        self.log.info("Job %s is %s; open it at %s", job.id, job.status, address)
        JobLink().push(context, address)
        DatalakeLink().push(context, datalake.datalake_url(self.query_text))
        if self.data_text:
            DataLink().push(context, datalake.datalake_url(self.data_text))
        remember_job(context, str(job.id))
        # OpenLineage asks for a task that failed too, and then the job is what there is to tell.
        self._note_outcome(datalake, job)

    def _wait(self, datalake: SharedHook, job: Job, context: Context) -> Job:
        given: dict[str, Any] = {name: getattr(self, name) for name in _WAIT_FIELDS}
        wait = JobWaitSettings(
            datalake_conn_id=self.datalake_conn_id,
            job_id=str(job.id),
            **given,
            cancel_on_kill=self.cancel_policy.on_kill == "cancel",
        )
        grace = self.grace_seconds if self.deferrable else None
        with own_job(wait.job_id):
            ended, waited = wait_on_worker(wait, datalake, grace, self._guard.stop_if_killed, self.log)
        if ended is None:
            self.defer(**waited.deferral(context))
        return ended
