"""The reaper: a small flow that cancels the jobs of flow runs that were stopped where no hook of theirs ran."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from uuid import UUID

from prefect import flow, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from prefect_tasks.blocks import DEFAULT_BLOCK
from prefect_tasks.notes import TAG, Notes
from prefect_tasks.orphans import STOPPED, cancel_jobs_of
from prefect_tasks.waiting import run_logger

_PAGE = 200


@flow(name="reap-orphan-jobs")
def reap_orphan_jobs(flow_run_id: UUID | None = None, hours: float = 24.0) -> list[str]:
    """Cancel the unfinished jobs of a flow run that was cancelled, crashed or timed out; return their ids.

    Args:
        flow_run_id: the run; without it, every run with jobs that ended so lately.
        hours: how far back "lately" reaches.
    """
    logger = run_logger()
    cancelled: list[str] = []
    for run in _stopped_runs(flow_run_id, hours):
        notes = Notes.of(run)
        cancelled += cancel_jobs_of(str(run.id), notes.credentials or [DEFAULT_BLOCK], notes, logger)
    return cancelled


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
            end_time=FlowRunFilterEndTime(after_=datetime.now(timezone.utc) - timedelta(hours=hours)),
        )
        offset = 0
        while page := client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE, offset=offset):
            yield from page
            offset += len(page)
