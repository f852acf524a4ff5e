"""State hooks that cancel the jobs of a stopped flow run, also when the run cannot do it itself.

A wait cancels its job when it is stopped. A killed process does nothing, and between a launch and its wait no code
runs: these hooks cover both. Prefect runs them in the flow's process, in the runner or in a worker, so they find
the jobs at the platform, by the run's labels.
"""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger

from prefect_tasks.blocks import DEFAULT_BLOCK
from prefect_tasks.runs.run_labels import RunLabels, read_run_labels
from prefect_tasks.runs.run_states import TIMED_OUT
from prefect_tasks.safety.orphans import cancel_jobs_of


def datalake_guards(credentials: str | None = None) -> dict[str, Any]:
    """Hooks for `@flow(**datalake_guards())`: a run that is cancelled, crashes or times out cancels its jobs.

    That includes jobs of its subflows, and not those launched or waited for with `on_stop="leave"`.

    Args:
        credentials: name of a saved block; by default those that the run started jobs with.
    """

    def cancel_jobs(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
        # Prefect runs hooks outside the run, where the run's own logger is not to be had.
        logger = flow_run_logger(flow_run, flow)
        notes = _labels_of(flow_run, logger)
        names = [credentials] if credentials else notes.credentials or [_credentials_of(flow, flow_run)]
        cancel_jobs_of(str(flow_run.id), names, notes, logger)

    def cancel_jobs_when_late(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
        if state.name == TIMED_OUT:
            cancel_jobs(flow, flow_run, state)

    return {"on_cancellation": [cancel_jobs], "on_crashed": [cancel_jobs], "on_failure": [cancel_jobs_when_late]}


def _labels_of(flow_run: FlowRun, logger: Any) -> RunLabels:
    """Read the run's labels; Prefect gives the hooks a run that it read before the labels were written."""
    try:
        return read_run_labels(flow_run.id)
    except Exception:
        # A server that is away is no reason to leave the jobs running: the platform can be asked without it.
        logger.warning("The labels of flow run %s could not be read.", flow_run.id, exc_info=True)
        return RunLabels(flow_run.labels)


def _credentials_of(flow: Flow[..., Any], flow_run: FlowRun) -> str:
    declared = flow.parameters.properties.get("credentials", {}).get("default")
    for name in (flow_run.parameters.get("credentials"), declared):
        if isinstance(name, str):
            return name
    return DEFAULT_BLOCK
