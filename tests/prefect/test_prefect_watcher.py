"""What the watcher and the reaper decide, and when a run is suspended; the whole of it is in the safety tests."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow, get_client, task
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import BlockDocumentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateName
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from prefect.events.filters import EventNameFilter
from prefect.states import Completed, Crashed, Running, Suspended

import prefect_tasks.safety.resumer
from datalake_ops.config import Timeouts
from datalake_ops.errors import ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import wait_until
from datalake_ops.wire.jobs import JobStatus
from prefect_tasks import DatalakeCredentials, install_automations, reap_orphan_jobs, wait_for_job
from prefect_tasks.runs.event_log import event_occurred
from prefect_tasks.runs.run_labels import TAG, record_suspension
from prefect_tasks.runs.run_labels import SuspensionRecord as Waits
from prefect_tasks.safety.reaper import is_lost
from prefect_tasks.safety.resumer import Resumer, job_watcher
from tests.prefect.job_looks import await_status

pytestmark = pytest.mark.usefixtures("prefect_api", "processings", "some_data")

WAITING = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Suspended", "Resuming"])))


@flow
def a_flow() -> None:
    """Stands for the flow of the runs below."""


@pytest.fixture
def prefect() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def watcher() -> Iterator[Resumer]:
    with ExitStack() as stack:
        yield Resumer(logging.getLogger("tests"), stack)


def a_run(prefect: SyncPrefectClient, state: State[Any], **options: Any) -> FlowRun:
    run: FlowRun = prefect.create_flow_run(a_flow, state=state, **options)
    return run


def a_pool(prefect: SyncPrefectClient) -> str:
    """The name of a new pool, which nobody works for."""
    return prefect.create_work_pool(WorkPoolCreate(name=uuid4().hex, type="process")).name


def tell_that_the_process_ended(run: UUID) -> None:
    """Say what a worker says when the process of a run has ended."""
    related = {"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}
    emit_event(
        "prefect.worker.executed-flow-run", resource={"prefect.resource.id": "prefect.worker.a"}, related=[related]
    )


def a_clock(ahead: float) -> SimpleNamespace:
    """A module `time` whose clocks are so many seconds ahead."""
    return SimpleNamespace(time=lambda: time.time() + ahead, monotonic=lambda: time.monotonic() + ahead)


def a_suspended_run(
    prefect: SyncPrefectClient, credentials: str, *jobs: str, deadline_at: float | None = None, pool: str | None = None
) -> UUID:
    flow_id = prefect.create_flow(a_flow)
    deployment = prefect.create_deployment(flow_id=flow_id, name=uuid4().hex, work_pool_name=pool)
    run = prefect.create_flow_run_from_deployment(deployment)
    record_suspension(run.id, Waits(credentials, jobs, deadline_at))
    prefect.set_flow_run_state(run.id, Suspended(), force=True)
    return run.id


def a_broken_block(prefect: SyncPrefectClient, lake: DatalakeHook) -> str:
    """The name of a block that was saved and can no longer be read."""
    name = f"broken-{uuid4().hex[:8]}"
    DatalakeCredentials.from_connection(lake.connection).save(name)
    known = prefect.read_block_document_by_name(name, "datalake-credentials")
    prefect.update_block_document(known.id, BlockDocumentUpdate(data={"host": "nowhere", "api_token": "x"}))
    return name


def a_job(lake: DatalakeHook, data: list[str], processing: str = "patient", **labels: str) -> str:
    return str(lake.launch_processing(processing, data, labels={"orchestrator": "prefect", **labels}).id)


class TestWatching:
    @pytest.fixture(autouse=True)
    def _without_the_automation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(prefect_tasks.safety.resumer, "_PATIENCE", 0.0)

    def test_a_run_whose_event_resumed_nobody_is_resumed_directly(
        self, prefect: SyncPrefectClient, lake: DatalakeHook, saved: str, some_data: list[str], watcher: Resumer
    ) -> None:
        job = a_job(lake, some_data)
        run = a_suspended_run(prefect, saved, job)

        watcher.poll()
        watcher.poll()
        assert prefect.read_flow_run(run).state_name == "Suspended"
        lake.cancel_job(job)
        watcher.poll()
        watcher.poll()

        assert prefect.read_flow_run(run).state_name == "Resuming"
        assert watcher.resumed_count == 1

    def test_a_run_goes_on_only_when_its_worker_has_seen_its_process_end(
        self, prefect: SyncPrefectClient, saved: str, watcher: Resumer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(prefect_tasks.safety.resumer, "_LEAVING", 3600.0)
        run = a_suspended_run(prefect, saved, str(uuid4()), pool=a_pool(prefect))
        other = a_suspended_run(prefect, saved, str(uuid4()), pool=a_pool(prefect))

        watcher.poll()
        assert watcher.resumed_count == 0
        tell_that_the_process_ended(run)
        wait_until("it goes on", lambda: watcher.poll() and watcher.resumed_count)

        watcher.poll()
        assert watcher.resumed_count == 1
        assert prefect.read_flow_run(run).state_name == "Resuming"
        assert prefect.read_flow_run(other).state_name == "Suspended"

    def test_a_worker_that_says_nothing_is_not_waited_for(
        self, prefect: SyncPrefectClient, saved: str, watcher: Resumer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a_suspended_run(prefect, saved, str(uuid4()), pool=a_pool(prefect))

        # A task that was submitted may keep the process for minutes.
        for seconds, woken in ((0.0, 0), (150.0, 0), (300.0, 1)):
            monkeypatch.setattr(prefect_tasks.safety.resumer, "time", a_clock(seconds))
            watcher.poll()
            assert watcher.resumed_count == woken

    def test_a_run_goes_on_only_when_all_its_jobs_have_ended(
        self, prefect: SyncPrefectClient, lake: DatalakeHook, saved: str, some_data: list[str], watcher: Resumer
    ) -> None:
        jobs = [a_job(lake, some_data) for _ in range(2)]
        a_suspended_run(prefect, saved, *jobs)
        lake.cancel_job(jobs[0])

        watcher.poll()
        assert watcher.resumed_count == 0
        lake.cancel_job(jobs[1])
        watcher.poll()

        assert watcher.resumed_count == 1

    def test_a_run_goes_on_when_its_time_is_over_or_its_job_is_no_more(
        self, prefect: SyncPrefectClient, lake: DatalakeHook, saved: str, some_data: list[str], watcher: Resumer
    ) -> None:
        a_suspended_run(prefect, saved, a_job(lake, some_data), deadline_at=time.time() - 1)
        a_suspended_run(prefect, saved, str(uuid4()))

        watcher.poll()

        assert watcher.resumed_count == 2

    def test_a_lake_that_cannot_be_asked_keeps_no_other_waiting(
        self, prefect: SyncPrefectClient, lake: DatalakeHook, saved: str, some_data: list[str], watcher: Resumer
    ) -> None:
        a_suspended_run(prefect, "there-is-none", str(uuid4()))
        job = a_job(lake, some_data)
        lake.cancel_job(job)
        a_suspended_run(prefect, saved, job)

        watcher.poll()

        assert watcher.resumed_count == 1

    def test_a_block_that_is_broken_keeps_no_other_waiting(
        self, prefect: SyncPrefectClient, lake: DatalakeHook, saved: str, some_data: list[str], watcher: Resumer
    ) -> None:
        a_suspended_run(prefect, a_broken_block(prefect, lake), str(uuid4()))
        job = a_job(lake, some_data)
        lake.cancel_job(job)
        a_suspended_run(prefect, saved, job)

        watcher.poll()

        assert watcher.resumed_count == 1

    def test_a_lake_that_hangs_costs_a_look_one_short_try_and_leaves_no_connection_open(
        self, prefect: SyncPrefectClient, platform: PlatformServer, lake: DatalakeHook, saved: str,
        some_data: list[str], watcher: Resumer, monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        closed: list[DatalakeHook] = []
        close = DatalakeHook.close
        monkeypatch.setattr(DatalakeHook, "close", lambda hook: (closed.append(hook), close(hook)))
        monkeypatch.setitem(prefect_tasks.safety.resumer._ONE_POLL, "timeouts", Timeouts(1.0, 1.0, 1.0))
        a_suspended_run(prefect, saved, a_job(lake, some_data))
        fault = platform.script_fault("GET", "/api/home/ping", delay=3.0, count=2)

        watcher.poll()

        assert len(closed) == 1
        assert platform.faults_met(fault) == 1

    def test_the_jobs_of_many_runs_are_one_request(
        self, prefect: SyncPrefectClient, platform: PlatformServer, lake: DatalakeHook, saved: str,
        some_data: list[str], watcher: Resumer,
    ) -> None:  # fmt: skip
        for _ in range(3):
            a_suspended_run(prefect, saved, a_job(lake, some_data))
        watcher.poll()
        platform.clear_requests()

        watcher.poll()

        asked = [request for request in platform.requests() if request["path"].endswith("/batch")]
        assert len(asked) == 1
        assert len(asked[0]["body"]["ids"]) == 3

    def test_the_watcher_ends_when_nobody_waits(self) -> None:
        assert job_watcher(interval=0.1, linger=0.2) == 0

    @pytest.fixture(autouse=True)
    def _no_run_of_an_earlier_test(self, prefect: SyncPrefectClient) -> None:
        # The watcher asks for these, of all the runs that the session's server has by now.
        while left := prefect.read_flow_runs(flow_run_filter=WAITING):
            for run in left:
                prefect.set_flow_run_state(run.id, Completed(), force=True)


class TestReaping:
    @pytest.mark.parametrize(
        ("state", "status"), [(Crashed(), JobStatus.KILLED), (Completed(), JobStatus.RUNNING)], ids=["crashed", "done"]
    )
    def test_only_jobs_of_stopped_runs_are_cancelled(
        self, prefect: SyncPrefectClient, lake: DatalakeHook, saved: str, some_data: list[str],
        state: State[Any], status: JobStatus,
    ) -> None:  # fmt: skip
        run = a_run(prefect, state, tags=[TAG])
        prefect.update_flow_run_labels(run.id, {f"datalake.credentials.{saved}": True})
        job = a_job(lake, some_data, flow_run_id=str(run.id))
        await_status(lake, job, JobStatus.RUNNING)

        assert reap_orphan_jobs(flow_run_id=run.id) == ([job] if status is JobStatus.KILLED else [])

        await_status(lake, job, status)

    def test_a_sweep_finds_stopped_runs_by_itself_and_spares_the_detached(
        self, prefect: SyncPrefectClient, lake: DatalakeHook, saved: str, some_data: list[str]
    ) -> None:
        run = a_run(prefect, Crashed(), tags=[TAG])
        one, spared, told = (
            a_job(lake, some_data, root_flow_run_id=str(run.id), on_stop=on_stop)
            for on_stop in ("cancel", "detach", "cancel")
        )
        labels = {f"datalake.credentials.{saved}": True, f"datalake.detached.{told}": True}
        prefect.update_flow_run_labels(run.id, labels)

        assert reap_orphan_jobs() == [one]
        assert {lake.get_job(job).status.is_terminal for job in (spared, told)} == {False}

    def test_a_job_that_cannot_be_cancelled_and_a_broken_block_spare_no_other_job(
        self, prefect: SyncPrefectClient, platform: PlatformServer, lake: DatalakeHook, saved: str,
        some_data: list[str],
    ) -> None:  # fmt: skip
        run = a_run(prefect, Crashed(), tags=[TAG])
        broken = a_broken_block(prefect, lake)
        jobs = [a_job(lake, some_data, flow_run_id=str(run.id)) for _ in range(3)]
        for name in (broken, saved):
            prefect.update_flow_run_labels(run.id, {f"datalake.credentials.{name}": True})
        platform.script_fault("POST", "/kill", status=403)

        cancelled = reap_orphan_jobs(flow_run_id=run.id)

        assert len(cancelled) == 2
        for job in cancelled:
            await_status(lake, job, JobStatus.KILLED)
        assert {lake.get_job(job).status.is_terminal for job in set(jobs) - set(cancelled)} == {False}

    def test_a_run_that_is_unknown_has_no_jobs(self) -> None:
        assert reap_orphan_jobs(flow_run_id=uuid4()) == []
        assert reap_orphan_jobs(lost=uuid4()) == []

    @pytest.mark.parametrize(
        ("state", "silence", "name"),
        [
            (Running(), 0.0, "Crashed"),
            (Running(), 3600.0, "Running"),
            (Suspended(), 0.0, "Suspended"),
            (Completed(), 0.0, "Completed"),
        ],
        ids=["running", "resumed meanwhile", "suspended", "done"],
    )
    def test_a_silent_run_crashes_only_if_it_should_send_heartbeats(
        self, prefect: SyncPrefectClient, state: State[Any], silence: float, name: str
    ) -> None:
        run = a_run(prefect, state)

        reap_orphan_jobs(lost=run.id, silence=silence)

        assert prefect.read_flow_run(run.id).state_name == name

    @pytest.mark.parametrize("heard", [True, False])
    def test_a_run_that_was_heard_again_before_the_reaper_came_is_not_lost(
        self, prefect: SyncPrefectClient, heard: bool
    ) -> None:
        # The server would tell the time itself at which a run began.
        begun_at = datetime.now(UTC) - timedelta(hours=2)
        run = FlowRun(id=uuid4(), flow_id=uuid4(), state=Running(timestamp=begun_at))
        if heard:
            emit_event("prefect.flow-run.heartbeat", resource={"prefect.resource.id": f"prefect.flow-run.{run.id}"})
            heartbeat = EventNameFilter(name=["prefect.flow-run.heartbeat"])
            wait_until("the server knows it", lambda: event_occurred(prefect, run.id, heartbeat, begun_at), 240)

        assert is_lost(prefect, run, silence=3600.0) is not heard


class TestSuspending:
    def test_a_run_without_a_deployment_says_why_it_cannot_be_suspended(self) -> None:
        @flow(persist_result=True)
        def alone() -> None:
            wait_for_job("datalake", str(uuid4()), wait="suspend")

        with pytest.raises(ConfigurationError, match="no deployment that could start it again"):
            alone()

    def test_a_wait_inside_a_task_says_why_it_cannot_suspend(self) -> None:
        @task
        def inside() -> None:
            wait_for_job("datalake", str(uuid4()), wait="suspend")

        @flow(persist_result=True)
        def outside() -> None:
            inside()

        with pytest.raises(ConfigurationError, match="directly in a flow"):
            outside()

    def test_a_submitted_wait_says_why_it_cannot_suspend(self) -> None:
        @flow(persist_result=True)
        def submitting() -> None:
            wait_for_job.submit("datalake", str(uuid4()), wait="suspend").result()

        with pytest.raises(ConfigurationError, match="neither submitted"):
            submitting()

    def test_a_copy_of_a_wait_with_other_options_waits_like_it(self) -> None:
        copy = wait_for_job.with_options(retries=7)

        assert type(copy) is type(wait_for_job)
        assert copy.retries == 7


def test_automations_need_the_deployments_they_start() -> None:
    with pytest.raises(ConfigurationError, match=r"no deployment 'reap-orphan-jobs/datalake'.*work_pool"):
        install_automations()
