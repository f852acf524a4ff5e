"""DAGs with one task that waits for one job, in every way that the end-to-end tests disturb."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task
from airflow.triggers.base import BaseTrigger

from airflow_provider.operators.processing import LaunchProcessingOperator

PARAMS = {"processing": "patient"}
JOB = {"task_id": "job", "processing": "{{ params.processing }}", "tags": ["demo"], "log_interval": 1.0}
ONE_RETRY = {"retries": 1, "retry_delay": timedelta(0)}


class Hasty(LaunchProcessingOperator):
    """Leaves its worker at once."""

    grace_seconds = 0.5


class Astray(Hasty):
    """Defers to a trigger that no triggerer can load."""

    def defer(self, *, trigger: BaseTrigger, **kwargs: Any) -> None:
        super().defer(trigger=Unloadable(), **kwargs)


class Unloadable(BaseTrigger):
    """Stands for a trigger of a module that only the worker has."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "a_module_that_no_triggerer_has.Trigger", {}

    async def run(self) -> Any:
        raise NotImplementedError
        yield


@dag(schedule=None, params=PARAMS)
def scene_deferred():
    Hasty(**JOB, deferrable=True)


@dag(schedule=None, params=PARAMS)
def scene_blocking():
    LaunchProcessingOperator(**JOB, deferrable=False)


@dag(schedule=None, params=PARAMS)
def scene_retried():
    LaunchProcessingOperator(**JOB, **ONE_RETRY, deferrable=False)


@dag(schedule=None, params=PARAMS)
def scene_left():
    Hasty(**JOB, deferrable=True, on_kill="leave")


# A scheduler that is slow to hear of a deferral takes a task that resumes before for a crash: so these take their time.
@dag(schedule=None, params=PARAMS)
def scene_overdue():
    Hasty(**JOB, deferrable=True, execution_timeout=timedelta(seconds=120))


@dag(schedule=None, params=PARAMS)
def scene_late():
    Hasty(**JOB, deferrable=True, timeout=45)


@dag(schedule=None, params=PARAMS)
def scene_astray():
    Astray(**JOB, deferrable=True)


@dag(schedule=None, params=PARAMS)
def scene_lost_answer():
    Hasty(**JOB, deferrable=True, datalake_conn_id="datalake_lossy")


@dag(schedule=None, params=PARAMS)
def scene_vault():
    Hasty(**JOB, deferrable=True, datalake_conn_id="datalake_vault")


@dag(schedule=None, params=PARAMS)
def scene_mapped():
    @task
    def limits() -> list[int]:
        return list(range(1, 41))

    Hasty.partial(**JOB, deferrable=True, poll_interval=5.0, map_index_template="{{ task.limit }}").expand(
        limit=limits()
    )


scene_deferred()
scene_blocking()
scene_retried()
scene_left()
scene_overdue()
scene_late()
scene_astray()
scene_lost_answer()
scene_vault()
scene_mapped()
