"""The sensor that waits for a job that something else started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowSensorTimeout, PokeReturnValue, default_deferrable
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.job_lifecycle.retry_policy import default_retry_policy
from airflow_provider.job_lifecycle.wait import JobWaitSettings, finish, last_look, stop_if_overdue
from airflow_provider.links import DatalakeLink, JobLink
from airflow_provider.sensors.abstract import DatalakeSensor
from airflow_provider.triggers.events import TIMED_OUT, JobEvent
from datalake_ops.waiting.log_tail import LogTail

if TYPE_CHECKING:
    from airflow.sdk import Context


class JobSensor(DatalakeSensor):
    """Waits until a job succeeded, by poking, rescheduling or deferring; returns the job's id.

    It never cancels the job: it did not start it.

    Example:
        >>> JobSensor(task_id="imported", job_id="{{ params.job_id }}", deferrable=True, timeout=3600)

    Args:
        job_id: The job, such as `import_bucket.output` (templated).
        datalake_conn_id: The Airflow connection (templated).
        deferrable: Wait in the triggerer; the default is Airflow's `[operators] default_deferrable`.
        log_interval: Seconds between looks at the job's log, whose new lines appear in the task's while it pokes or is
            deferred; None shows none.
        kwargs: `poke_interval` and `timeout` in seconds, `mode`, `soft_fail` and the rest of Airflow's sensors.

    Raises:
        JobFailedError, JobKilledError: The job did not succeed; the error tells why and shows the end of its log.
        AirflowSensorTimeout: The wait took longer than `timeout`; the job goes on.
    """

    template_fields: Sequence[str] = ("job_id", "datalake_conn_id")
    operator_extra_links = (JobLink(), DatalakeLink())
    ui_color = "#d8e8f0"

    def __init__(
        self,
        *,
        job_id: str,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        deferrable: bool | None = None,
        log_interval: float | None = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.datalake_conn_id = datalake_conn_id
        self.retry_policy = default_retry_policy(getattr(self, "retry_policy", None))
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.log_interval = log_interval
        self._tail: LogTail | None = None

    def execute(self, context: Context) -> Any:
        """Look once, then wait as the sensor was told to."""
        with self.sparing(), self.platform() as datalake:
            JobLink().push(context, datalake.job_url(self.job_id))
            DatalakeLink().push(context, datalake.datalake_url())
        if not self.deferrable:
            # A rescheduled sensor knows nothing of what it has shown.
            if self.log_interval is not None and not self.reschedule:
                self._tail = LogTail(every=self.log_interval)
            return super().execute(context)
        with self.sparing():
            has_ended = bool(self.poke(context))
        if not has_ended:
            seconds = float(self.timeout), float(self.poke_interval)
            wait = JobWaitSettings(self.datalake_conn_id, self.job_id, *seconds, log_interval=self.log_interval)
            self.defer(**wait.deferral(context))
        return self.job_id

    def poke(self, context: Context) -> PokeReturnValue:
        """Return done if the job succeeded; raises if it failed or was killed."""
        with self.platform() as datalake:
            job = datalake.check_job(datalake.get_job(self.job_id))
            lines = datalake.new_log_lines(job, self._tail) if self._tail is not None else []
        self.log.info("Job %s is %s.", job.id, job.status)
        for line in lines:
            self.log.info("| %s", line)
        return PokeReturnValue(is_done=job.status.is_terminal, xcom_value=self.job_id)

    def execute_complete(self, context: Context, event: Any = None) -> str:
        """Continue after the triggerer waited."""
        ended = JobEvent.read(event)
        if ended.outcome == TIMED_OUT:
            stop_if_overdue(context, ended.message)
            raise AirflowSensorTimeout(ended.message)
        with self.platform() as datalake:
            return str(finish(ended, datalake, context).id)

    def execute_late(self, context: Context) -> str:
        """Continue after the triggerer fired no event in time, with the job as it is now."""
        with self.platform() as datalake:
            event = last_look(self.job_id, datalake)
        return self.execute_complete(context, asdict(event))
