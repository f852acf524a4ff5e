"""The sensor that waits for data."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import (
    AirflowSensorTimeout,
    PokeReturnValue,
    default_deferrable,
    run_generation,
    supervisor_delay,
)
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.job_lifecycle.retry_policy import default_retry_policy, failing_at_once
from airflow_provider.job_lifecycle.wait import GIVEN_UP, overdue_at, stop_if_overdue, trigger_timeout
from airflow_provider.links import DatalakeLink
from airflow_provider.operators.abstract.fields import (
    CHOSEN_MAPPING,
    CHOSEN_TEXT,
    CHOSEN_TEXTS,
    DECISIVE_FLAG,
    Field,
    static_flag,
    whole,
)
from airflow_provider.sensors.abstract import DatalakeSensor
from airflow_provider.triggers.events import ARRIVED, TIMED_OUT, DataEvent
from datalake_ops import arguments
from datalake_ops.errors import DatalakeError
from datalake_ops.query import both, tags_query
from datalake_ops.waiting.arrival import Arrival, StableCount

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook

_KEY = "datalake_seen"


class DataSensor(DatalakeSensor):
    """Waits until data that match have arrived, by poking, rescheduling or deferring; returns how many there are.

    They have arrived when at least `min_count` match and their number has not changed for `stable_for` seconds. What
    was seen is kept from look to look; a reschedule keeps it in Airflow's task state, and before Airflow 3.3, which has
    none, a poke that sees enough data stays on its worker for `stable_for` seconds.

    Example:
        >>> DataSensor(
        ...     task_id="batch_is_here",
        ...     tags=["batch-{{ ds }}"],
        ...     min_count=100,
        ...     stable_for=120,
        ...     timeout=6 * 3600,
        ...     deferrable=True,
        ... )

    Args:
        tags: Data with one of these tags (templated).
        intersect_tags: Data with all of the tags instead (templated).
        q: Query-language text; it holds together with `tags` (templated).
        custom_metadata: Data whose custom metadata equals this on every key (templated).
        min_count: How many data have to match (templated).
        stable_for: Seconds for which their number must not have changed: a number, its text or a timedelta (templated).
        datalake_conn_id: The Airflow connection (templated).
        deferrable: Wait in the triggerer; the default is Airflow's `[operators] default_deferrable`.
        kwargs: `poke_interval` and `timeout` in seconds or as timedeltas (not templated), `mode`, `soft_fail` and the
            rest of Airflow's sensors.

    Raises:
        AirflowSensorTimeout: The data did not arrive within `timeout`.
        InvalidQueryError: `q` is not query-language text.
        ArgumentError: A filter is empty, so that no data could ever match.
    """

    argument_fields = {
        "tags": CHOSEN_TEXTS,
        "q": CHOSEN_TEXT,
        "custom_metadata": CHOSEN_MAPPING,
        "intersect_tags": DECISIVE_FLAG,
        # With fewer data, or without a pause, the sensor would call them complete too early.
        "min_count": whole(1, is_decisive=True),
        "stable_for": Field(arguments.seconds, is_decisive=True),
    }
    operator_extra_links = (DatalakeLink(),)
    ui_color = "#d8e8f0"

    def __init__(
        self,
        *,
        tags: str | list[str] | None = None,
        intersect_tags: bool | str = False,
        q: str | None = None,
        custom_metadata: dict[str, Any] | None = None,
        min_count: int | str = 1,
        stable_for: float | str | timedelta = 0.0,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        deferrable: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tags: Any = tags
        self.intersect_tags = intersect_tags
        self.q = q
        self.custom_metadata: Any = custom_metadata
        self.min_count: Any = min_count
        self.stable_for: Any = stable_for
        self.datalake_conn_id = datalake_conn_id
        self.retry_policy = default_retry_policy(getattr(self, "retry_policy", None))
        self.deferrable = static_flag("deferrable", deferrable, default_deferrable())
        self._seen: StableCount | None = None

    def prepare(self) -> None:
        """Normalise the arguments, before anything is sent.

        Raises:
            ArgumentError: a value is not what its field takes, or a filter is empty.
        """
        super().prepare()
        with failing_at_once(self.soft_fail):
            arguments.refuse_empty({"tags": self.tags, "q": self.q, "custom_metadata": self.custom_metadata})

    @property
    def arrival(self) -> Arrival:
        """Condition under which the data count as complete."""
        return Arrival(self.min_count, self.stable_for)

    @property
    def query_text(self) -> str:
        """Tags and query as one query-language text."""
        return both(self.q, tags_query(arguments.texts("tags", self.tags) or (), bool(self.intersect_tags)))

    def execute(self, context: Context) -> Any:
        """Count once, then wait in the mode of the sensor."""
        with self.sparing():
            self.prepare()
        if not self.deferrable:
            return super().execute(context)
        with self.sparing(), self.platform() as lake:
            seen, at = self._look(lake, context)
            if not self.arrival.complete(seen, at):
                self._defer(lake, context)
        return seen.count

    def poke(self, context: Context) -> PokeReturnValue:
        """Return done if the data have arrived, with their number."""
        remembers = self.mode != "reschedule" or context.get("task_state_store") is not None
        with self.platform() as lake:
            self._seen, at = self._look(lake, context)
            if not remembers:
                self._seen, at = self._watch(lake, self._seen, at)
        return PokeReturnValue(is_done=self.arrival.complete(self._seen, at), xcom_value=self._seen.count)

    def execute_complete(self, context: Context, event: Any = None) -> int:
        """Continue after the triggerer waited."""
        ended = DataEvent.read(event)
        if ended.outcome == TIMED_OUT:
            stop_if_overdue(context, ended.message)
            raise AirflowSensorTimeout(ended.message)
        if ended.outcome != ARRIVED:
            with failing_at_once(self.soft_fail):
                raise ended.as_error()
        self.log.info("%d data have arrived.", ended.count)
        return ended.count

    def execute_late(self, context: Context) -> int:
        """Continue after the triggerer fired no event in time, with the data that are there now."""
        with self.platform() as lake:
            event = self._last_look(lake, context)
        return self.execute_complete(context, asdict(event))

    def _last_look(self, datalake: SharedHook, context: Context) -> DataEvent:
        try:
            seen, at = self._look(datalake, context)
        except DatalakeError as error:
            there = f"their number could not be read: {error}"
        else:
            if self.arrival.complete(seen, at):
                return DataEvent(ARRIVED, seen.count)
            there = f"{seen.count} of {self.min_count} are there"
        return DataEvent(TIMED_OUT, message=f"The data had not arrived in time ({there}). {GIVEN_UP}")

    def _look(self, datalake: SharedHook, context: Context) -> tuple[StableCount, float]:
        """Count the data and return the count with its time: only time before a count is time without new data."""
        address = datalake.datalake_url(self.query_text)
        DatalakeLink().push(context, address)
        seen, at = self._counted(datalake, self._seen or self._remembered(context))
        self.log.info("%d of at least %s data are in the lake: %s", seen.count, self.min_count, address)
        if self.mode == "reschedule" and (store := context.get("task_state_store")) is not None:
            store.set(_KEY, {"try": _this_try(context), **seen.to_json()})
        return seen, at

    def _counted(self, datalake: SharedHook, before: StableCount | None) -> tuple[StableCount, float]:
        count = datalake.count_data(self.query_text or None, custom_metadata=self.custom_metadata)
        at = time.time()
        return self.arrival.saw(count, at, before), at

    def _remembered(self, context: Context) -> StableCount | None:
        store = context.get("task_state_store") if self.mode == "reschedule" else None
        kept = None if store is None else store.get(_KEY)
        # Another try begins anew.
        if not isinstance(kept, dict) or kept.get("try") != _this_try(context):
            return None
        return StableCount.from_json(kept)

    def _watch(self, datalake: SharedHook, seen: StableCount, at: float) -> tuple[StableCount, float]:
        """Stay with data that are enough until they are stable, or their number changes."""
        while self.arrival.seconds_left(seen, at):
            time.sleep(self.arrival.pause(seen, time.time(), float(self.poke_interval)))
            latest, at = self._counted(datalake, seen)
            if latest != seen:
                return latest, at
        return seen, at

    def _defer(self, datalake: SharedHook, context: Context) -> None:
        from airflow_provider.triggers.data import DataTrigger

        now, place = time.time(), datalake.context
        overdue = overdue_at(context)
        deadline_at = min(now + float(self.timeout), math.inf if overdue is None else overdue)
        trigger = DataTrigger(
            datalake_conn_id=self.datalake_conn_id,
            organization_id=str(place.organization.id),
            lake_id=str(place.datalake.id),
            q=self.query_text or None,
            custom_metadata=self.custom_metadata,
            min_count=self.min_count,
            stable_for=self.stable_for,
            poll_interval=float(self.poke_interval),
            deadline_at=deadline_at,
            fire_after=now + supervisor_delay(),
        )
        timeout = trigger_timeout(deadline_at - now, float(self.poke_interval))
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)


def _this_try(context: Context) -> str:
    return f"{run_generation(context)}/{context['ti'].try_number}"
