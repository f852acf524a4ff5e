"""The sensor that waits for jobs that something else started."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider.compat import AirflowSensorTimeout, PokeReturnValue, default_deferrable
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.job_lifecycle.retry_policy import default_retry_policy, failing_at_once
from airflow_provider.job_lifecycle.wait import JobWaitSettings, finish, last_look, stop_if_overdue
from airflow_provider.links import DatalakeLink, JobLink
from airflow_provider.operators.abstract.fields import SECONDS, Field, job_ids, static_flag
from airflow_provider.operators.abstract.on_empty import ends_empty
from airflow_provider.sensors.abstract import DatalakeSensor
from airflow_provider.triggers.events import ENDED, TIMED_OUT, JobEvent
from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import NoDataError, NotFoundError
from datalake_ops.waiting.log_tail import LogTail

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job


class JobSensor(DatalakeSensor):
    """Waits until a job, or each of many, succeeded, by poking, rescheduling or deferring; returns the job's id.

    Of many jobs it returns the list of their ids, and fails with the first that did not succeed. It never cancels a
    job: it did not start it.

    Example:
        >>> JobSensor(task_id="imported", job_id="{{ params.job_id }}", deferrable=True, timeout=3600)

    Args:
        job_id: The job, such as `import_bucket.output`, or many, such as the output of mapped tasks (templated).
        datalake_conn_id: The Airflow connection (templated).
        deferrable: Wait in the triggerer; the default is Airflow's `[operators] default_deferrable`.
        log_interval: Seconds between reads of the job's log, whose new lines appear in the task's while it pokes or is
            deferred; None shows none. Of many jobs no log is shown (templated).
        on_empty: End of a task without a job to wait for: "skip" it, let it "succeed", or "fail" it without retries.
        kwargs: `poke_interval` and `timeout` in seconds or as timedeltas (not templated), `mode`, `soft_fail` and the
            rest of Airflow's sensors.

    Raises:
        JobFailedError, JobKilledError: A job did not succeed; the error tells why and shows the end of its log.
        AirflowSensorTimeout: The wait took longer than `timeout`; the jobs go on.
    """

    argument_fields = {
        "job_id": Field(job_ids, is_required=True),
        "log_interval": SECONDS,
    }
    operator_extra_links = (JobLink(), DatalakeLink())
    ui_color = "#d8e8f0"
    # The job runs.
    _is_patient = True

    def __init__(
        self,
        *,
        job_id: Any,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        deferrable: bool | str | None = None,
        log_interval: float | str | timedelta | None = 10.0,
        on_empty: OnEmpty = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.datalake_conn_id = datalake_conn_id
        self.retry_policy = default_retry_policy(getattr(self, "retry_policy", None))
        self.deferrable = static_flag("deferrable", deferrable, default_deferrable())
        self.log_interval: Any = log_interval
        self.on_empty = arguments.on_empty(on_empty)
        self._tail: LogTail | None = None

    def execute(self, context: Context) -> Any:
        """Poll once, then wait in the mode of the sensor.

        Raises:
            AirflowSkipException: there is no job to wait for, and `on_empty` is "skip".
        """
        with self.sparing(), failing_at_once(self.soft_fail), ends_empty(self.on_empty, self.log) as end:
            # Not `prepare`, which would end the task for an empty field before `on_empty` is asked.
            self.normalise_arguments()
            if not self._ids:
                raise NoDataError("`job_id` is empty: there is no job to wait for.")
        if end.is_empty:
            return None
        with self.sparing(), self.platform() as datalake:
            JobLink().push(context, datalake.job_url(self._ids[0]))
            DatalakeLink().push(context, datalake.datalake_url())
        if not self.deferrable:
            # A rescheduled sensor knows nothing of the lines that it has shown.
            if self.log_interval is not None and not self.reschedule and len(self._ids) == 1:
                self._tail = LogTail(every=self.log_interval)
            return super().execute(context)
        with self.sparing():
            has_ended = bool(self.poke(context))
        if not has_ended:
            self.defer(**self._wait().deferral(context))
        return self._result

    def poke(self, context: Context) -> PokeReturnValue:
        """Return done if every job succeeded; raises if one failed or was killed."""
        with self.platform() as datalake:
            jobs = [datalake.check_job(job) for job in self._jobs(datalake)]
            lines = datalake.new_log_lines(jobs[0], self._tail) if self._tail is not None else []
            if len(jobs) == 1:
                self.log.info("Job %s is %s: %s", jobs[0].id, jobs[0].status, datalake.job_url(jobs[0]))
        ended = sum(job.status.is_terminal for job in jobs)
        if len(jobs) > 1:
            self.log.info("%d of %d jobs have succeeded.", ended, len(jobs))
        for line in lines:
            self.log.info("| %s", line)
        return PokeReturnValue(is_done=ended == len(jobs), xcom_value=self._result)

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Continue after the triggerer waited."""
        ended = JobEvent.read(event)
        if ended.outcome == TIMED_OUT:
            stop_if_overdue(context, ended.message)
            raise AirflowSensorTimeout(ended.message)
        with self.platform() as datalake:
            finish(ended, datalake, context)
            if len(self._ids) > 1:
                for job in self._jobs(datalake):
                    datalake.check_job(job)
        return self._result

    def execute_late(self, context: Context) -> Any:
        """Continue after the triggerer fired no event in time, with the jobs as they are now."""
        with self.platform() as datalake:
            event = JobEvent(self._ids[0], ENDED)
            for job_id in self._ids:
                if (event := last_look(job_id, datalake)).outcome != ENDED:
                    break
        return self.execute_complete(context, asdict(event))

    @property
    def _ids(self) -> list[str]:
        return job_ids("job_id", self.job_id)

    @property
    def _result(self) -> Any:
        """The id of one job, the list of the ids of many."""
        return self._ids[0] if len(self._ids) == 1 else self._ids

    def _jobs(self, datalake: SharedHook) -> list[Job]:
        """The jobs as they are now, in the order given.

        Raises:
            NotFoundError: the platform does not know one of them.
        """
        if len(self._ids) == 1:
            return [datalake.get_job(self._ids[0])]
        found = datalake.get_jobs(self._ids)
        if missing := [one for one in self._ids if UUID(one) not in found]:
            raise NotFoundError(f"The platform does not know the job {missing[0]}.", status=404)
        return [found[UUID(one)] for one in self._ids]

    def _wait(self) -> JobWaitSettings:
        seconds = float(self.timeout), float(self.poke_interval)
        wait = JobWaitSettings(self.datalake_conn_id, self._ids[0], *seconds, log_interval=self.log_interval)
        return wait if len(self._ids) == 1 else replace(wait, job_ids=tuple(self._ids), log_interval=None)
