"""Who asks: the flow run, told to the platform so that it starts each job once and can find it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect import runtime
from prefect.cache_policies import INPUTS, RUN_ID, CachePolicy
from prefect.context import TaskRunContext

from datalake_ops.errors import UnsupportedError
from datalake_ops.wire.jobs import Job
from prefect_tasks.blocks import load_credentials
from prefect_tasks.waiting import OnStop

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

FLOW_RUN_LABEL = "flow_run_id"
ROOT_LABEL = "root_flow_run_id"
ON_STOP_LABEL = "on_stop"
# A rotated token must not start a second job.
_UNTOLD = "credentials"
STEADY = INPUTS - _UNTOLD + RUN_ID


def labels(on_stop: OnStop = "cancel") -> dict[str, str]:
    """Labels by which the jobs of a flow run, and of the run that it is part of, are found again.

    Whoever finds them reads there too whether they end with the run (`"cancel"`) or outlive it (`"detach"`).
    """
    found = {"orchestrator": "prefect", ON_STOP_LABEL: on_stop}
    if run_id := runtime.flow_run.id:
        found |= {FLOW_RUN_LABEL: str(run_id), ROOT_LABEL: str(runtime.flow_run.root_flow_run_id)}
    return found


def idempotency_key(action: str, arguments: Mapping[str, Any]) -> str | None:
    """The same text for the same action with the same arguments in the same run; None outside any run.

    The name of a task run would not do: Prefect changes it when a run is resumed.
    """
    run_id = runtime.flow_run.id or runtime.task_run.id
    if not run_id:
        return None
    told = {name: value for name, value in arguments.items() if name != _UNTOLD}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]
    return f"prefect:{run_id}:{action}:{digest}"


def start_once(key: str | None, start: Callable[[str | None], Job]) -> Job:
    """Start a job under a key, or find the one that this run started under it.

    The platform answers a known key with its job. When that one ended badly, each new try of the flow run starts one
    more, under a key of its own.
    """
    job = start(key)
    if key is None:
        return job
    for later in _later_keys(key):
        if not _ended_badly(job):
            break
        job = start(later)
    return job


def _later_keys(key: str) -> Iterator[str]:
    # The first try of a flow run has no job to replace: one that failed within seconds is its own.
    return (f"{key}:{number}" for number in range(2, runtime.flow_run.run_count + 1))


def _ended_badly(job: Job) -> bool:
    return job.status.is_terminal and not job.status.succeeded


@dataclass
class OneJobPerRun(CachePolicy):
    """A retried or resumed flow run gets its job's id again, unless that job ended badly: then it may start another.

    Without this, Prefect would go on answering the id of the job that failed. The platform is asked only when the
    flow run is retried; one that keeps no keys of jobs cannot tell, and the first answer holds.
    """

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """The key of the result: of the task, its inputs and the run, and of how many of its jobs ended badly."""
        steady = STEADY.compute_key(task_ctx, inputs, flow_parameters, **kwargs)
        action = task_ctx.task.fn.__name__
        replaced = _replaced(action, inputs) if runtime.flow_run.run_count > 1 else 0
        return f"{action}-{steady}-{replaced}"


def _replaced(action: str, inputs: Mapping[str, Any]) -> int:
    """How many jobs of this run, one after the other, ended badly."""
    key = idempotency_key(action, inputs)
    if key is None:
        return 0
    with load_credentials(inputs[_UNTOLD]).get_client() as hook:
        return ended_badly(hook, key)


def ended_badly(hook: DatalakeHook, key: str, suffix: str = "") -> int:
    """How many jobs that `start_once` started under a key, one after the other, ended badly.

    `suffix` is what the hook puts behind each key. A platform that keeps no keys cannot tell: 0.
    """
    count = 0
    for candidate in (key, *_later_keys(key)):
        try:
            jobs = hook.find_jobs(idempotency_key=f"{candidate}{suffix}")
        except UnsupportedError:
            return 0
        if not jobs or not _ended_badly(jobs[0]):
            break
        count += 1
    return count


# Pickle, the default serializer, would need these very versions of everything to read a result again.
KEPT: dict[str, Any] = {"persist_result": True, "result_serializer": "json"}
ONCE_PER_RUN: dict[str, Any] = {**KEPT, "cache_policy": STEADY}
ONE_JOB_PER_RUN: dict[str, Any] = {**KEPT, "cache_policy": OneJobPerRun()}
