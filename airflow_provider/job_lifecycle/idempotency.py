"""Idempotency key and labels of a task's job, by which its job is never started twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import airflow_address, run_generation
from datalake_ops.waiting.adoption import GENERATION, has_failed
from datalake_ops.wire.jobs import RUN_URL_LABEL

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.wire.jobs import Job

_KEY_LENGTH = 40


@dataclass(frozen=True)
class TaskIdentity:
    """One task of one run: the same for every retry, another after a clear."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    generation: str
    # Address of the task's page in Airflow, which tells no two jobs apart.
    url: str = field(default="", compare=False)

    @classmethod
    def of(cls, context: Context) -> TaskIdentity:
        """The identity of the task that runs in this context."""
        ti = context["ti"]
        map_index = -1 if ti.map_index is None else ti.map_index
        return cls(ti.dag_id, ti.run_id, ti.task_id, map_index, run_generation(context), _url(ti))

    def key(self, after: str = "") -> str:
        """An idempotency key; `after` is the id of the failed job that the new one is to replace."""
        parts = [self.dag_id, self.run_id, self.task_id, self.map_index, self.generation, after]
        return "airflow-" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_KEY_LENGTH]

    @property
    def task_labels(self) -> dict[str, str]:
        """Labels by which the jobs of the task are searched, of every generation and of this Airflow alone."""
        told = {
            "orchestrator": "airflow", "airflow": airflow_address(),
            "dag_id": self.dag_id, "run_id": self.run_id, "task_id": self.task_id,
            "map_index": "" if self.map_index < 0 else str(self.map_index),
        }  # fmt: skip
        return {name: value for name, value in told.items() if value}

    def job_labels(self, key: str) -> dict[str, str]:
        """Labels of a job that is started under a key."""
        labels = {**self.task_labels, GENERATION: self.generation, "idempotency_key": key, RUN_URL_LABEL: self.url}
        return {name: value for name, value in labels.items() if value}


def _url(ti: Any) -> str:
    """Address of a task instance's page, "" where Airflow has no base URL configured."""
    return str(getattr(ti, "log_url", "") or "") if airflow_address() else ""


def submit_once(submit: Callable[[str], Job], identity: TaskIdentity, try_number: int) -> Job:
    """Start the task's job, or find the one that an earlier try started, by keys alone.

    The platform answers a known key with the job it already started. When that job ended badly, a retry wants a new
    one: its key is made from the failed job's id, so that also the retry's job is started only once. A try has at most
    `try_number - 1` failed jobs before it.

    Args:
        submit: Starts a job under an idempotency key.
        identity: The task run.
        try_number: Which try this is, from 1.
    """
    job = submit(identity.key())
    for _ in range(try_number - 1):
        if not has_failed(job):
            break
        job = submit(identity.key(after=str(job.id)))
    return job
