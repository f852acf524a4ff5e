"""What a flow run notes about its jobs in Prefect, for the processes that come after it.

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
_DETACHED = "datalake.detached."
_DEADLINE = "datalake.deadline_at."
_WAITING = "datalake.waiting_for"
Label = str | int | float | bool

_noted: set[tuple[str, str]] = set()


@dataclass(frozen=True)
class SuspensionRecord:
    """What a suspended run waits for: jobs, the credentials to ask for them with, and until when at the latest."""

    credentials: str
    jobs: tuple[str, ...]
    deadline_at: float | None

    def label(self) -> str:
        """The text to keep."""
        return json.dumps({"credentials": self.credentials, "jobs": self.jobs, "deadline_at": self.deadline_at})

    @classmethod
    def of(cls, text: str) -> SuspensionRecord:
        """What was kept."""
        kept = json.loads(text)
        return cls(kept["credentials"], tuple(kept["jobs"]), kept["deadline_at"])


@dataclass(frozen=True)
class RunLabels:
    """What one run has noted."""

    labels: Mapping[str, Any]

    @classmethod
    def of(cls, flow_run: FlowRun) -> RunLabels:
        """The notes of a run that was read from Prefect."""
        return cls(flow_run.labels)

    @property
    def credentials(self) -> list[str]:
        """Names of the saved blocks that the run started jobs with."""
        return [name.removeprefix(_CREDENTIALS) for name in self.labels if name.startswith(_CREDENTIALS)]

    @property
    def suspended_for(self) -> SuspensionRecord | None:
        """What the run was last suspended for."""
        text = self.labels.get(_WAITING)
        return SuspensionRecord.of(text) if isinstance(text, str) else None

    def is_detached(self, job: object) -> bool:
        """Whether the job outlives its run."""
        return bool(self.labels.get(f"{_DETACHED}{job}"))

    def deadline_at(self, job: str, run_count: int) -> float | None:
        """When the wait for this job is over, if this try of the run was suspended for it before.

        A resumption is no new try: Prefect leaves `run_count` as it was.
        """
        return self.labels.get(f"{_DEADLINE}{run_count}.{job}")


def block_name(credentials: DatalakeCredentials | str) -> str | None:
    """The name that another process can load the credentials by; None for a block that was never saved."""
    if isinstance(credentials, str):
        return credentials
    name: str | None = credentials._block_document_name
    return name


def record_launch(credentials: DatalakeCredentials | str) -> None:
    """Keep which credentials this run, and the run that it is part of, start jobs with."""
    name = block_name(credentials)
    if name is None:
        return
    for run_id in {runtime.flow_run.id, runtime.flow_run.root_flow_run_id} - {None}:
        if (str(run_id), name) not in _noted and _note(str(run_id), {f"{_CREDENTIALS}{name}": True}, tagged=True):
            _noted.add((str(run_id), name))


def record_left_job(job: str) -> None:
    """Keep that the guards and the reaper must leave a job of this run alone."""
    for run_id in {runtime.flow_run.id, runtime.flow_run.root_flow_run_id} - {None}:
        _note(str(run_id), {f"{_DETACHED}{job}": True})


def record_suspension(run_id: UUID, waits: SuspensionRecord) -> None:
    """Keep what this run is about to be suspended for; unlike the other notes, the suspension depends on it."""
    count = runtime.flow_run.run_count
    deadlines = {f"{_DEADLINE}{count}.{job}": waits.deadline_at for job in waits.jobs if waits.deadline_at is not None}
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(run_id, {_WAITING: waits.label(), **deadlines})


def read_run_labels(run_id: UUID | str) -> RunLabels:
    """The notes of a run as they are in Prefect now."""
    with get_client(sync_client=True) as client:
        return RunLabels.of(client.read_flow_run(UUID(str(run_id))))


def seconds_until(deadline_at: float | None) -> float | None:
    """What is left until a moment; never negative."""
    return None if deadline_at is None else max(0.0, deadline_at - time.time())


def _note(run_id: str, labels: dict[str, Label], tagged: bool = False) -> bool:
    logger = run_logger()
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run_labels(UUID(run_id), labels)
            if tagged and TAG not in (tags := client.read_flow_run(UUID(run_id)).tags):
                client.update_flow_run(UUID(run_id), tags=[*tags, TAG])
    except Exception:
        # Nothing of the run's own work depends on it: only who cleans up after the run may look in vain.
        logger.warning("Flow run %s could not note what it does with jobs.", run_id, exc_info=True)
        return False
    return True
