"""Cancellation of jobs whose flow run was stopped, from any process that knows the run's id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from datalake_ops.errors import DatalakeError
from prefect_tasks.blocks import load_credentials
from prefect_tasks.runs.idempotency import FLOW_RUN_LABEL, ON_STOP_LABEL, ROOT_LABEL
from prefect_tasks.runs.run_labels import RunLabels
from prefect_tasks.runs.wait_options import outlives_its_run

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.jobs import Job


def cancel_jobs_of(run_id: str, credentials: Iterable[str], run_labels: RunLabels, logger: Any) -> list[str]:
    """Cancel the unfinished jobs of a run and of its subflows, and return the ids of those that were cancelled.

    Left alone are those that were launched or waited for with `on_stop="leave"`. A lake that cannot be asked and a job
    that cannot be cancelled are logged, and the others get their turn.

    Args:
        credentials: names of saved blocks; the jobs of each one's organization are looked through.
    """
    cancelled: list[str] = []
    for name in dict.fromkeys(credentials):
        try:
            with load_credentials(name).get_client() as hook:
                orphans = _orphans(hook, run_id, run_labels)
                cancelled += [str(job.id) for job in orphans if _cancelled(hook, job, logger)]
        except Exception:
            # A block that is broken and a lake that is away are no reason to leave the jobs of the others running.
            logger.exception(
                "Jobs of flow run %s could not be cancelled with %r and may go on at the platform.", run_id, name
            )
    return cancelled


def _cancelled(hook: DatalakeHook, job: Job, logger: Any) -> bool:
    try:
        stopped = hook.cancel_job(job)
    except DatalakeError as error:
        logger.error("Job %s could not be cancelled and may go on at the platform: %s", job.id, error)
        return False
    logger.warning("Job %s was cancelled (%s), because its flow run was stopped.", job.id, stopped.status)
    return True


def _orphans(hook: DatalakeHook, run_id: str, run_labels: RunLabels) -> Iterator[Job]:
    found = [job for label in (FLOW_RUN_LABEL, ROOT_LABEL) for job in hook.find_jobs(labels={label: run_id})]
    for job in {job.id: job for job in found}.values():
        is_left = outlives_its_run((job.labels or {}).get(ON_STOP_LABEL)) or run_labels.is_left(job.id)
        if not job.status.is_terminal and not is_left:
            yield job
