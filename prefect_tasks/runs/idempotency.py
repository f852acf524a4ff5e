"""Who asks: the flow run, told to the platform so that it starts each job once and can find it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect import runtime
from prefect.cache_policies import INPUTS, NO_CACHE, RUN_ID, CachePolicy
from prefect.context import TaskRunContext

from datalake_ops.errors import UnsupportedError
from datalake_ops.wire.jobs import Job
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.run_logger import OnStop

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

FLOW_RUN_LABEL = "flow_run_id"
ROOT_LABEL = "root_flow_run_id"
ON_STOP_LABEL = "on_stop"
_CREDENTIALS = "credentials"


def lake_identity(credentials: DatalakeCredentials | str) -> str:
    """Which lake credentials open, and nothing of how: a rotated token must not start a second job.

    A name stands for itself, so that nothing is asked for.
    """
    if isinstance(credentials, str):
        return credentials
    there = credentials.connection
    told = (there.organization_id or there.organization_name, there.datalake_id or there.datalake_name)
    return "/".join([there.host, *(str(one or "") for one in told)])


@dataclass
class SameLake(CachePolicy):
    """The same work in another lake is other work."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """The lake of the task's credentials; None for a task that has none."""
        credentials = (inputs or {}).get(_CREDENTIALS)
        return None if credentials is None else lake_identity(credentials)


SAME_CALL = INPUTS - _CREDENTIALS + SameLake() + RUN_ID


def labels(on_stop: OnStop = "cancel") -> dict[str, str]:
    """Labels by which the jobs of a flow run, and of the run that it is part of, are found again.

    Whoever finds them reads there too whether they end with the run (`"cancel"`) or outlive it (`"detach"`).
    """
    found = {"orchestrator": "prefect", ON_STOP_LABEL: on_stop}
    if run_id := runtime.flow_run.id:
        found |= {FLOW_RUN_LABEL: str(run_id), ROOT_LABEL: str(runtime.flow_run.root_flow_run_id)}
    return found


def idempotency_key(action: str, arguments: Mapping[str, Any]) -> str | None:
    """The same text for the same action with the same arguments in the same lake and run; None outside any run.

    The name of a task run would not do: Prefect changes it when a run is resumed.
    """
    run_id = runtime.flow_run.id or runtime.task_run.id
    if not run_id:
        return None
    told = dict(arguments)
    if _CREDENTIALS in told:
        told[_CREDENTIALS] = lake_identity(told[_CREDENTIALS])
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]
    return f"prefect:{run_id}:{action}:{digest}"


def start_once(hook: DatalakeHook, key: str | None, start: Callable[[str | None], Job]) -> Job:
    """The job that this run started under a key, or a new one.

    When that one ended badly, each new try of the flow run starts one more, under a key of its own. The platform is
    asked first: what a filter finds may have changed since, and then it would refuse the key for another request.
    """
    if key is None:
        return start(None)
    job = _find_job(hook, key) or start(key)
    for later in _later_keys(key):
        if not _is_unsuccessful(job):
            break
        job = _find_job(hook, later) or start(later)
    return job


def _find_job(hook: DatalakeHook, key: str) -> Job | None:
    try:
        return next(iter(hook.find_jobs(idempotency_key=key)), None)
    except UnsupportedError:
        # A platform that keeps no keys cannot tell.
        return None


def _later_keys(key: str) -> Iterator[str]:
    # The first try of a flow run has no job to replace: one that failed within seconds is its own.
    return (f"{key}:{number}" for number in range(2, runtime.flow_run.run_count + 1))


def _is_unsuccessful(job: Job) -> bool:
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
        steady = SAME_CALL.compute_key(task_ctx, inputs, flow_parameters, **kwargs)
        action = task_ctx.task.fn.__name__
        replaced = _replaced(action, inputs) if runtime.flow_run.run_count > 1 else 0
        return f"{action}-{steady}-{replaced}"


def _replaced(action: str, inputs: Mapping[str, Any]) -> int:
    """How many jobs of this run, one after the other, ended badly."""
    key = idempotency_key(action, inputs)
    if key is None:
        return 0
    with load_credentials(inputs[_CREDENTIALS]).get_client() as hook:
        return count_failed_jobs(hook, key)


def count_failed_jobs(hook: DatalakeHook, key: str) -> int:
    """How many jobs that `start_once` started under a key, one after the other, ended badly.

    A platform that keeps no keys cannot tell: 0.
    """
    count = 0
    for candidate in (key, *_later_keys(key)):
        job = _find_job(hook, candidate)
        if job is None or not _is_unsuccessful(job):
            break
        count += 1
    return count


# Pickle, the default serializer, would need these very versions of everything to read a result again.
KEPT: dict[str, Any] = {"persist_result": True, "result_serializer": "json"}
ONCE_PER_RUN: dict[str, Any] = {**KEPT, "cache_policy": SAME_CALL}
ONE_JOB_PER_RUN: dict[str, Any] = {**KEPT, "cache_policy": OneJobPerRun()}
# A flow that keeps its results would otherwise be told what the lake was like before, and a change would not be made.
EACH_TIME: dict[str, Any] = {"cache_policy": NO_CACHE}
