"""Hooks that cancel what a flow run left running at the platform, also when the run cannot do it itself.

A wait that is called directly cancels its job when it is stopped. A submitted task is told nothing, and a killed
process does nothing: then only these hooks are left. Prefect runs them in the flow's process, in the runner or in a
worker, so they find the jobs at the platform, by the run's labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow

from datalake_ops.errors import DatalakeError
from prefect_tasks.blocks import DEFAULT_BLOCK, load_credentials
from prefect_tasks.identity import FLOW_RUN_LABEL, ROOT_LABEL
from prefect_tasks.waiting import run_logger

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook


def datalake_guards(credentials: str | None = None) -> dict[str, Any]:
    """Hooks for `@flow(**datalake_guards())`: a run that is cancelled or crashes cancels every job that it started.

    That includes jobs of its subflows and jobs whose wait says `on_stop="detach"`.

    Args:
        credentials: name of a saved block; by default the run's own parameter `credentials`, or else `"datalake"`.
    """

    def cancel_jobs(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
        _cancel_jobs(credentials or _credentials_of(flow, flow_run), str(flow_run.id))

    return {"on_cancellation": [cancel_jobs], "on_crashed": [cancel_jobs]}


def _credentials_of(flow: Flow[..., Any], flow_run: FlowRun) -> str:
    declared = flow.parameters.properties.get("credentials", {}).get("default")
    for name in (flow_run.parameters.get("credentials"), declared):
        if isinstance(name, str):
            return name
    return DEFAULT_BLOCK


def _cancel_jobs(credentials: str, run_id: str) -> None:
    logger = run_logger()
    try:
        with load_credentials(credentials).get_client() as hook:
            for job in _unfinished(hook, run_id):
                stopped = hook.cancel_job(job)
                logger.warning("Job %s was cancelled (%s), because its flow run was stopped.", job, stopped.status)
    except DatalakeError as error:
        logger.error("Jobs of flow run %s could not be cancelled and may go on at the platform: %s", run_id, error)


def _unfinished(hook: DatalakeHook, run_id: str) -> list[str]:
    found = [job for label in (FLOW_RUN_LABEL, ROOT_LABEL) for job in hook.find_jobs(labels={label: run_id})]
    return list(dict.fromkeys(str(job.id) for job in found if not job.status.is_terminal))
