"""DAGs that a watcher starts, for an Airflow of their own: everywhere else they would poll beside other tests."""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher, dag, get_current_context, task

from airflow_provider.operators.tags import TagDataOperator
from airflow_provider.triggers.watch import DatalakeDataTrigger, DatalakeJobsTrigger, LakeTrigger
from airflow_provider.watch_events import ended_jobs, new_data_ids

INTERVAL = 1.0


def watched(name: str, trigger: LakeTrigger) -> Asset:
    return Asset(name, watchers=[AssetWatcher(name=name, trigger=trigger)])


RAW = watched("new-raw", DatalakeDataTrigger(tags=["raw"], exclude_tags=["derived"], poll_interval=INTERVAL))
WIDE = watched("new-wide", DatalakeDataTrigger(q="width > 100", poll_interval=INTERVAL))
JOBS = watched("jobs-ended", DatalakeJobsTrigger(processing="quick", poll_interval=INTERVAL))
# Two assets with equal triggers share one, which Airflow then gives no store.
SHARED = DatalakeDataTrigger(tags=["shared"], poll_interval=INTERVAL)
TWIN, OTHER_TWIN = watched("twin", SHARED), watched("other-twin", SHARED)


@dag(schedule=[RAW])
def on_raw():
    """Marks what it was started by, with a tag of its own and with the tag that it watches."""

    # A batch that was told twice leaves the second run with nothing to do.
    @task.short_circuit(inlets=[RAW])
    def ids() -> list[str]:
        return new_data_ids(get_current_context())

    found = ids()
    TagDataOperator(task_id="mark", data_ids=found, add=["marked", "raw"])


@dag(schedule=[WIDE])
def on_wide():
    @task(inlets=[WIDE])
    def ids() -> list[str]:
        return new_data_ids(get_current_context())

    ids()


@dag(schedule=[JOBS])
def on_jobs():
    @task(inlets=[JOBS])
    def jobs() -> list[dict]:
        return ended_jobs(get_current_context())

    jobs()


@dag(schedule=[TWIN])
def on_twin():
    @task(inlets=[TWIN])
    def ids() -> list[str]:
        return new_data_ids(get_current_context())

    ids()


@dag(schedule=[OTHER_TWIN])
def on_other_twin():
    @task(inlets=[OTHER_TWIN])
    def ids() -> list[str]:
        return new_data_ids(get_current_context())

    ids()


on_raw()
on_wide()
on_jobs()
on_twin()
on_other_twin()
