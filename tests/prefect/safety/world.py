"""One Prefect server, its workers and one platform, for many stories of stopped and suspended runs told at once."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import local
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.events import Event
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.states import Cancelling

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing import prefect as harness
from datalake_ops.testing.prefect import PrefectServer
from datalake_ops.wire.jobs import Job, JobStatus
from tests.prefect.launcher import LaunchedProcess, Launcher

FLOWS = Path(__file__).with_name("flows.py")
MARKS = [pytest.mark.end_to_end, pytest.mark.timeout(7200)]
POOL, DOOMED_POOL = "local", "doomed"
PATIENCE = 600.0
# Four heartbeats: one that comes late must not crash a run that is well.
ZOMBIE_SECONDS = 120
KILLED, RUNNING, SUCCEEDED = JobStatus.KILLED, JobStatus.RUNNING, JobStatus.SUCCEEDED
# Prefect kills a cancelled run after 30 s: only a wait that was in time can say so.
BY_THE_WAIT = "because its wait was stopped"
_PAGE = 200

# Many stories look at once.
wait_until = partial(harness.wait_until, seconds=PATIENCE, pause=1.0, longest_pause=4.0)


@dataclass
class World:
    """What the stories share."""

    server: PrefectServer
    launcher: Launcher
    platform: PlatformServer
    lake: DatalakeHook
    folder: Path
    ends: Path
    environment: dict[str, str]
    clients: ExitStack
    _of_thread: local = field(default_factory=local)

    @property
    def client(self) -> SyncPrefectClient:
        """The client of this thread, open until the world ends: making one costs more than what it is asked."""
        if not hasattr(self._of_thread, "client"):
            self._of_thread.client = self.clients.enter_context(get_client(sync_client=True))
        client: SyncPrefectClient = self._of_thread.client
        return client

    def note(self) -> Path:
        return self.folder / f"{uuid4().hex}.note"

    def start(self, deployment: str, **parameters: Any) -> Story:
        """Ask for a run of a deployment and wait until it has written its first note."""
        note = self.note()
        known = self.client.read_deployment_by_name(deployment)
        run = self.client.create_flow_run_from_deployment(known.id, parameters={"note": str(note), **parameters})
        return Story(self, note, run.id).begun()

    def script(self, flow: str = "direct", *arguments: str) -> tuple[Story, LaunchedProcess]:
        """Run a flow as a plain script, without worker or runner."""
        note = self.note()
        command = [str(FLOWS), "run", flow, str(note), *arguments]
        process = self.launcher.run(command, f"script-{note.stem}", self.environment)
        story = Story(self, note, None).begun()
        return story, process

    def end(self, job: Job) -> None:
        """Let a job that waits to be told end well."""
        (self.ends / f"{job.id}.end").touch()

    def runs(self, flow: str) -> list[FlowRun]:
        """All runs of a flow, those that its schedule has made ahead too."""
        wanted, found = FlowFilter(name=FlowFilterName(any_=[flow])), dict[UUID, FlowRun]()
        offset = 0
        while page := self.client.read_flow_runs(flow_filter=wanted, limit=_PAGE, offset=offset):
            # A run that is made meanwhile moves others to the next page.
            found |= {run.id: run for run in page}
            offset += len(page)
        return list(found.values())


@dataclass
class Story:
    """One flow run and its jobs."""

    world: World
    path: Path
    run_id: UUID | None
    lake: DatalakeHook | None = None
    starts: list[str] = field(default_factory=list)

    def begun(self) -> Story:
        wait_until("the run has started", self.lines)
        self.run_id = self.run_id or UUID(self.lines()[0].split()[1])
        return self

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    @property
    def pid(self) -> int:
        """Process id of the run's last start."""
        return int(self.lines()[-1].split()[0])

    def jobs(self) -> list[Job]:
        lake = self.lake or self.world.lake
        found = [
            job
            for label in ("flow_run_id", "root_flow_run_id")
            for job in lake.find_jobs(labels={label: str(self.run_id)})
        ]
        return sorted({job.id: job for job in found}.values(), key=lambda job: job.id)

    def job(self) -> Job:
        """The one job of the run."""
        (job,) = self.jobs()
        return job

    def await_the_wait(self) -> None:
        """Wait until the run waits for its job, so that what stops the run stops the wait."""
        wait_until("the job runs", lambda: [job for job in self.jobs() if job.status is JobStatus.RUNNING])
        words = f"Job {self.job().id}: RUNNING"
        wait_until("the run waits", lambda: words in self.said() or words in self.printed())

    def await_jobs(self, *statuses: JobStatus, seconds: float = PATIENCE) -> None:
        """Wait until the run has so many jobs, which stand like this."""
        wait_until(
            f"the jobs of {self.run().name} are {statuses}",
            lambda: sorted(job.status for job in self.jobs()) == sorted(statuses),
            seconds=seconds,
        )

    def run(self) -> FlowRun:
        assert self.run_id is not None
        return self.world.client.read_flow_run(self.run_id)

    def await_state(self, name: str, seconds: float = PATIENCE) -> None:
        try:
            wait_until(f"the run is {name}", lambda: self.run().state_name == name, seconds=seconds)
        except TimeoutError as late:
            raise TimeoutError(f"{late} It is {self.run().state_name}:\n{self.said()}") from late

    def await_suspension(self) -> None:
        """Wait until the run is suspended and its process is gone: a process that still ends sets states of its own."""
        self.await_state("Suspended")
        wait_until("the process has ended", lambda: not Path(f"/proc/{self.pid}").exists())

    def await_exit(self) -> None:
        """Wait until the worker has seen the process end: one with a limit ends when a run comes back sooner."""
        name = EventNameFilter(name=["prefect.worker.executed-flow-run"])
        about = EventAnyResourceFilter(id=[f"prefect.flow-run.{self.run_id}"])

        def seen() -> bool:
            # A filter looks back from the moment when it is made.
            return bool(self.world.client.read_events(EventFilter(event=name, any_resource=about), limit=1).events)

        wait_until("the worker has seen the process end", seen)

    def cancel(self) -> None:
        """Ask Prefect to cancel the run, as a person does in its UI."""
        assert self.run_id is not None
        self.world.client.set_flow_run_state(self.run_id, Cancelling())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def states(self) -> list[str]:
        """The names of all states that the run has been in, in order."""
        assert self.run_id is not None
        states = self.world.client.read_flow_run_states(self.run_id)
        return [str(state.name) for state in sorted(states, key=lambda state: state.timestamp)]

    def said(self) -> str:
        """What the run has logged."""
        assert self.run_id is not None
        logs = self.world.client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self.run_id])))
        return "\n".join(log.message for log in logs)

    def printed(self) -> str:
        """What the run of a script has written to its terminal."""
        return self.world.server.log(f"script-{self.path.stem}")

    def says(self, words: str) -> None:
        wait_until(f"the run says {words!r}", lambda: words in self.said())

    def send_heartbeats_until_missed(self, zombie_seconds: float) -> None:
        """Send what the run's process sends while it runs, and then nothing until the reaper was called for that.

        Prefect may read a first one before the suspension, which then answers it: so another is sent after a while.
        `emit_event` would send them to the first Prefect server that this process ever met, not to that of the stories.
        """
        about = {"prefect.resource.id": f"prefect.flow-run.{self.run_id}", "prefect.resource.name": self.run().name}
        for _ in range(3):
            heartbeat = Event(event="prefect.flow-run.heartbeat", resource=about)
            self.world.client.request("POST", "/events", json=[heartbeat.model_dump(mode="json")])
            with suppress(TimeoutError):
                wait_until("the run is missed", self.missed, seconds=zombie_seconds + 180)
                return
        raise TimeoutError("No heartbeat of the run is missed.")

    def missed(self) -> list[FlowRun]:
        """The reaper's runs that were called because this run sent no heartbeats, and have ended."""
        calls = [run for run in self.world.runs("reap-orphan-jobs") if run.parameters.get("lost") == str(self.run_id)]
        return [run for run in calls if run.state_name == "Completed"]

    def reaped(self) -> list[FlowRun]:
        """The reaper's runs that were called for this run."""
        return [
            run for run in self.world.runs("reap-orphan-jobs") if run.parameters.get("flow_run_id") == str(self.run_id)
        ]
