"""What every sensor of ours has from Airflow, mended."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowRescheduleException, BaseSensorOperator, supervisor_delay

if TYPE_CHECKING:
    from airflow.sdk import Context

# Seconds in which a busy scheduler reads that a worker has ended, after that was noticed.
_SCHEDULER_SECONDS = 3.0


class DatalakeSensor(BaseSensorOperator):
    """A sensor whose reschedules give Airflow the time to notice that its worker has ended.

    A task that is queued again before the scheduler has read how its worker ended is failed by it, with "finished with
    state success, but the task instance's state attribute is queued". So a reschedule comes no sooner than
    `[workers] min_heartbeat_interval` and 5 s after the look, 10 s by default, whatever `poke_interval` says.
    """

    def execute(self, context: Context) -> Any:
        """Look, and wait as the sensor was told to."""
        try:
            return super().execute(context)
        except AirflowRescheduleException as again:
            earliest = datetime.now(timezone.utc) + timedelta(seconds=supervisor_delay() + _SCHEDULER_SECONDS)
            again.reschedule_date = max(again.reschedule_date, earliest)
            raise
