"""Labels of a flow run at the Prefect server: what other processes must know of its jobs.

Hooks, the reaper and the watcher run elsewhere and know nothing but the flow run. So the run keeps, as its labels, the
names of the credentials that it started jobs with, the jobs to leave alone, and the jobs that it is suspended for. It
carries a tag too, because runs can be searched for by tags and not by labels. No secret is ever among them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect import get_client, runtime
from prefect.client.schemas.objects import FlowRun

from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.run_logger import run_logger

TAG = "datalake-jobs"
_CREDENTIALS = "datalake.credentials."
_LEFT = "datalake.detached."
_DEADLINE = "datalake.deadline_at."
_WAITING = "datalake.waiting_for"
Label = str | int | float | bool

_written: set[tuple[str, str]] = set()


@dataclass(frozen=True)
class SuspensionRecord:
    """Jobs that a suspended run waits for, the block to poll them with, and the deadline (seconds since 1970)."""

    credentials: str
    jobs: tuple[str, ...]
    deadline_at: float | None

    def label(self) -> str:
        """Return the record as the text of a label."""
        return json.dumps({"credentials": self.credentials, "jobs": self.jobs, "deadline_at": self.deadline_at})

    @classmethod
    def of(cls, text: str) -> SuspensionRecord:
        """Read the record from the text of a label."""
        kept = json.loads(text)
        return cls(kept["credentials"], tuple(kept["jobs"]), kept["deadline_at"])


@dataclass(frozen=True)
class RunLabels:
    """Labels of one flow run."""

    labels: Mapping[str, Any]

    @classmethod
    def of(cls, flow_run: FlowRun) -> RunLabels:
        """Return the labels of a run that was read from Prefect."""
        return cls(flow_run.labels)

    @property
    def credentials(self) -> list[str]:
        """Names of the saved blocks that the run started jobs with."""
        return [name.removeprefix(_CREDENTIALS) for name in self.labels if name.startswith(_CREDENTIALS)]

    @property
    def suspended_for(self) -> SuspensionRecord | None:
        """The latest suspension of the run; None for a run that was never suspended."""
        text = self.labels.get(_WAITING)
        return SuspensionRecord.of(text) if isinstance(text, str) else None

    def is_left(self, job: object) -> bool:
        """Return True if the job goes on when the run is stopped."""
        return bool(self.labels.get(f"{_LEFT}{job}"))

    def deadline_at(self, job: str, run_count: int) -> float | None:
        """Return the deadline of the wait for a job, if this try of the run was suspended for it before.

        A resumption is no new try: Prefect leaves `run_count` as it was.
        """
        return self.labels.get(f"{_DEADLINE}{run_count}.{job}")


def block_name(credentials: DatalakeCredentials | str) -> str | None:
    """Return the name of the saved block; None for a block that was never saved."""
    if isinstance(credentials, str):
        return credentials
    name: str | None = credentials._block_document_name
    return name


def record_launch(credentials: DatalakeCredentials | str) -> None:
    """Label this run, and the run that it is part of, with the block that its jobs are started with."""
    name = block_name(credentials)
    if name is None:
        return
    for run_id in {runtime.flow_run.id, runtime.flow_run.root_flow_run_id} - {None}:
        if (str(run_id), name) not in _written and _write(str(run_id), {f"{_CREDENTIALS}{name}": True}, tagged=True):
            _written.add((str(run_id), name))


def record_left_job(job: str) -> None:
    """Label this run with a job that state hooks and reaper must leave running."""
    for run_id in {runtime.flow_run.id, runtime.flow_run.root_flow_run_id} - {None}:
        _write(str(run_id), {f"{_LEFT}{job}": True})


def record_suspension(run_id: UUID, waits: SuspensionRecord) -> None:
    """Label a run with its suspension; an error is raised, because unlike other labels the suspension depends on it."""
    count = runtime.flow_run.run_count
    deadlines = {f"{_DEADLINE}{count}.{job}": waits.deadline_at for job in waits.jobs if waits.deadline_at is not None}
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(run_id, {_WAITING: waits.label(), **deadlines})


def read_run_labels(run_id: UUID | str) -> RunLabels:
    """Read the labels of a run from Prefect."""
    with get_client(sync_client=True) as client:
        return RunLabels.of(client.read_flow_run(UUID(str(run_id))))


def seconds_until(deadline_at: float | None) -> float | None:
    """Return the seconds until a deadline, at least 0; None without a deadline."""
    return None if deadline_at is None else max(0.0, deadline_at - time.time())


def _write(run_id: str, labels: dict[str, Label], tagged: bool = False) -> bool:
    logger = run_logger()
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run_labels(UUID(run_id), labels)
            if tagged and TAG not in (tags := client.read_flow_run(UUID(run_id)).tags):
                client.update_flow_run(UUID(run_id), tags=[*tags, TAG])
    except Exception:
        # The run's own work does not depend on the labels, only a cleanup after the run does.
        logger.warning("The labels of flow run %s about its jobs could not be written.", run_id, exc_info=True)
        return False
    return True
