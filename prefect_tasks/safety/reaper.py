"""The reaper: a small flow that cancels the jobs of flow runs that were stopped where no hook of theirs ran."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun
from prefect.events.filters import EventNameFilter
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from prefect_tasks.blocks import DEFAULT_BLOCK
from prefect_tasks.runs.event_log import event_occurred
from prefect_tasks.runs.run_labels import TAG, RunLabels
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_states import STOPPED
from prefect_tasks.safety.orphans import cancel_jobs_of

_PAGE = 200
# The same events that the rule against zombies waits for.
_OF_THE_RUN = EventNameFilter(prefix=["prefect.flow-run."])


@flow(name="reap-orphan-jobs")
def reap_orphan_jobs(
    flow_run_id: UUID | None = None, hours: float = 24.0, lost: UUID | None = None, silence: float = 0.0
) -> list[str]:
    """Cancel the unfinished jobs of a flow run that was cancelled, crashed or timed out; return their ids.

    Args:
        flow_run_id: the run; without it, every run with jobs that ended so lately.
        hours: how far back "lately" reaches.
        lost: a run that sends no heartbeats any more. It crashes if it should send some and still sends none, which
            calls for the reaper again, and nothing else is done.
        silence: for how many seconds it has sent none.
    """
    logger = run_logger()
    if lost is not None:
        _crash(lost, silence, logger)
        return []
    cancelled: list[str] = []
    for run in _stopped_runs(flow_run_id, hours):
        notes = RunLabels.of(run)
        cancelled += cancel_jobs_of(str(run.id), notes.credentials or [DEFAULT_BLOCK], notes, logger)
    return cancelled


def _crash(run_id: UUID, silence: float, logger: Any) -> None:
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(run_id)
        except ObjectNotFound:
            return
        if not is_lost(client, run, silence):
            logger.info("Flow run %r is not lost: it is %s.", run.name, run.state_name)
            return
        client.set_flow_run_state(run_id, Crashed(message="The run sends no heartbeat any more: it is lost."))
        logger.warning("Flow run %r sends no heartbeat any more, and has crashed.", run.name)


def is_lost(client: SyncPrefectClient, run: FlowRun, silence: float) -> bool:
    """Return True if a run should send heartbeats and sends none; a suspended run has no process to send them."""
    if run.state is None or not run.state.is_running():
        return False
    # It may have been resumed since the reaper was called, which had to wait for a worker. Clocks may differ.
    since = datetime.now(UTC) - timedelta(seconds=silence / 2)
    return run.state.timestamp <= since and not event_occurred(client, run.id, _OF_THE_RUN, since)


def _stopped_runs(flow_run_id: UUID | None, hours: float) -> Iterator[FlowRun]:
    with get_client(sync_client=True) as client:
        if flow_run_id is not None:
            try:
                run = client.read_flow_run(flow_run_id)
            except ObjectNotFound:
                return
            # It may have been started again since the event that called for the reaper.
            if run.state_name in STOPPED:
                yield run
            return
        wanted = FlowRunFilter(
            tags=FlowRunFilterTags(all_=[TAG]),
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=list(STOPPED))),
            end_time=FlowRunFilterEndTime(after_=datetime.now(UTC) - timedelta(hours=hours)),
        )
        offset = 0
        while page := client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE, offset=offset):
            yield from page
            offset += len(page)
