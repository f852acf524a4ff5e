"""Runs of DAGs in a real Airflow, the jobs they start, and what else is seen of them from outside."""

from __future__ import annotations

import time
from configparser import ConfigParser
from typing import Any

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import AirflowServer
from datalake_ops.testing.server import PlatformServer
from datalake_ops.wire.jobs import Job, JobStatus

# Longer than anything here takes, also on a busy machine.
SECONDS = 300.0
# Runs of the end-to-end tests that are started before the first test: a name, the DAG, the processing.
SCENES = {
    "surviving": ("scene_deferred", "gated"),
    "behind the vault": ("scene_vault", "gated"),
    "worker killed": ("scene_retried", "gated"),
    "cleared on its worker": ("scene_blocking", "patient"),
    "failed on its worker": ("scene_blocking", "patient"),
    "marked failed": ("scene_deferred", "patient"),
    "marked success": ("scene_deferred", "patient"),
    "left": ("scene_left", "patient"),
    "cleared": ("scene_deferred", "patient"),
    "killed at the platform": ("scene_deferred", "patient"),
    "failing": ("scene_deferred", "held-failing"),
    "overdue": ("scene_overdue", "patient"),
    "late": ("scene_late", "patient"),
    "lost answer": ("scene_lost_answer", "held"),
}


class Run:
    """A run of a DAG and the jobs it started."""

    def __init__(self, server: AirflowServer, lake: DatalakeHook, dag_id: str, conf: dict[str, Any]) -> None:
        self.server, self.lake, self.dag_id = server, lake, dag_id
        self.run_id = server.trigger(dag_id, conf)

    def wait(self, timeout: float = 600.0) -> str:
        return self.server.wait(self.dag_id, self.run_id, timeout)

    def wait_for_state(self, state: str) -> None:
        self.server.wait_for_task(self.dag_id, self.run_id, "job", state)

    def wait_for_trigger(self) -> None:
        self.server.wait_for_trigger(self.dag_id, self.run_id, "job")

    def wait_for_scheduler(self, task_id: str = "job") -> None:
        """Wait until the task is deferred and the scheduler has read that it left its worker.

        Airflow 3.3.2 takes a task that resumes before for a crash, and a busy scheduler reads it many seconds late.
        """
        self.server.wait_for_task(self.dag_id, self.run_id, task_id, "deferred")
        event = f"TaskInstanceKey(dag_id='{self.dag_id}', task_id='{task_id}', run_id='{self.run_id}'"
        deadline = time.monotonic() + SECONDS
        while f"Received executor event with state success for task instance {event}" not in self.server.log(
            "scheduler"
        ):
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def state(self) -> str | None:
        return self.server.task_states(self.dag_id, self.run_id)["job"]

    def mark(self, state: str) -> None:
        self.server.set_task_state(self.dag_id, self.run_id, "job", state)

    def clear(self) -> None:
        self.server.clear(self.dag_id, self.run_id, "job")

    def jobs(self) -> list[Job]:
        return self.lake.find_jobs(labels={"run_id": self.run_id})

    def wait_for_jobs(self, *expected: JobStatus) -> None:
        """Wait until the run's jobs, oldest first, are in these states."""
        deadline = time.monotonic() + SECONDS
        while (found := [job.status for job in self.jobs()[::-1]]) != list(expected):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)

    def wait_for_log(self, text: str) -> None:
        deadline = time.monotonic() + SECONDS
        while text not in self.log():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)

    def log(self) -> str:
        return self.server.task_log(self.dag_id, self.run_id, "job")


def wait_until_deferred(run: Run, count: int) -> None:
    """Wait until tasks are deferred, and their triggers have begun."""
    deadline = time.monotonic() + 1800
    while (states := list(run.server.task_states(run.dag_id, run.run_id).values())).count("deferred") < count:
        assert time.monotonic() < deadline, states
        assert "failed" not in states
        # To list so many takes the server time that the tasks could use.
        time.sleep(2)
    while (begun := run.server.triggers_begun(run.dag_id, run.run_id, "job")) < count:
        assert time.monotonic() < deadline, begun
        time.sleep(0.5)


def looks_in(seconds: float, platform: PlatformServer) -> tuple[int, float]:
    """How many requests for the state of jobs come in a time, and how many seconds it was in truth."""
    platform.clear_requests()
    begun_at = time.monotonic()
    time.sleep(seconds)
    requests, passed = platform.requests(), time.monotonic() - begun_at
    looked = [one for one in requests if one["path"].endswith("/jobv2s/batch") or "/v2/job/" in one["path"]]
    return len([one for one in looked if not one["path"].endswith("/logs")]), passed


def trigger_arguments(server: AirflowServer) -> list[str]:
    """What the metadata database keeps of the triggers; decrypted where this Airflow encrypts it."""
    from cryptography.fernet import Fernet
    from sqlalchemy import create_engine, text

    settings = ConfigParser(interpolation=None)
    settings.read(server.home / "airflow.cfg")
    with create_engine(server.database_url).connect() as database:
        rows = list(database.execute(text("SELECT kwargs FROM trigger")).scalars())
    fernet = Fernet(settings["core"]["fernet_key"])
    return [row if row.startswith("{") else fernet.decrypt(row.encode()).decode() for row in rows]
