"""Abstract sensor: reschedules that Airflow notices in time, timeouts of triggers, and a patient hook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import (
    AirflowRescheduleException,
    AirflowSkipException,
    BaseSensorOperator,
    TaskDeferred,
    gave_trigger_up,
    supervisor_delay,
)
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.job_lifecycle.retry_policy import failing_at_once
from airflow_provider.operators.abstract.arguments import ArgumentsOperator
from airflow_provider.operators.abstract.fields import CONNECTION
from datalake_ops.config import RetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook

# As patient with a platform that restarts as the triggers are.
_PATIENT = RetryPolicy(attempts=60, budget=300.0)


class DatalakeSensor(ArgumentsOperator, BaseSensorOperator):
    """A sensor whose reschedules give Airflow the time to notice that its worker has ended.

    A reschedule comes no sooner than `[workers] min_heartbeat_interval` and 5 s after the look, 10 s by default,
    whatever `poke_interval` says (see `supervisor_delay`).
    """

    argument_fields = {"datalake_conn_id": CONNECTION}
    datalake_conn_id: str
    # A connection that was there before, or that a running job needs, is away for the moment when it is not found.
    _is_patient = False

    def prepare(self) -> None:
        """Normalise the arguments, before anything is sent.

        Raises:
            ArgumentError: a value is not what its field takes.
            NoDataError: an argument that is needed came out empty.
        """
        with failing_at_once(self.soft_fail):
            self.normalise_arguments()

    def execute(self, context: Context) -> Any:
        """Poke, and wait in the mode of the sensor."""
        self._is_patient = self._is_patient or bool(context.get("task_reschedule_count"))
        try:
            return super().execute(context)
        except AirflowRescheduleException as again:
            earliest = datetime.now(UTC) + timedelta(seconds=supervisor_delay())
            again.reschedule_date = max(again.reschedule_date, earliest)
            raise

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the triggerer waited, or after Airflow gave the trigger up."""
        if gave_trigger_up(next_method, next_kwargs):
            next_method, next_kwargs = "execute_late", {}
        self._is_patient = True
        with self.sparing():
            self.prepare()
            return super().resume_execution(next_method, next_kwargs, context)

    def execute_late(self, context: Context) -> Any:
        """Continue after the triggerer fired no event in time, with the state of now."""
        raise NotImplementedError

    @contextmanager
    def sparing(self) -> Iterator[None]:
        """Skip the task by any error within if it has `never_fail`, as Airflow does when a poke fails.

        Raises:
            AirflowSkipException: instead of any error.
        """
        try:
            yield
        except (AirflowSkipException, TaskDeferred):
            raise
        except Exception as error:
            if not getattr(self, "never_fail", False):
                raise
            raise AirflowSkipException("Skipping due to never_fail is set to True.") from error

    @contextmanager
    def platform(self) -> Iterator[SharedHook]:
        """Yield the shared hook, which retries for five minutes; errors that no retry mends fail at once."""
        from datalake_ops.hook import DatalakeHook as SharedHook

        with failing_at_once(self.soft_fail):
            with DatalakeHook(self.datalake_conn_id, job_runs=self._is_patient) as hook:
                connection = hook.datalake.connection.with_(retry=_PATIENT)
            self._is_patient = True
            with SharedHook.from_connection(connection) as datalake:
                yield datalake
