"""Idempotency of jobs: keys and labels of calls, so that a retry meets the job that its call started."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from prefect import runtime
from prefect.cache_policies import INPUTS, NO_CACHE, RUN_ID, CachePolicy
from prefect.context import TaskRunContext
from prefect.results import get_result_store
from prefect.utilities.urls import url_for

from datalake_ops.errors import UnsupportedError
from datalake_ops.wire.jobs import RUN_URL_LABEL, Job
from datalake_ops.wire.lakes import Extension
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.call_identity import call_number, current_try, root_run_id
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.wait_options import OnStop

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

FLOW_RUN_LABEL = "flow_run_id"
ROOT_LABEL = "root_flow_run_id"
ON_STOP_LABEL = "on_stop"
# The try of the flow run, and the retries of the tasks around the call, that started a job: "2.0".
TRY_LABEL = "try"
_CREDENTIALS = "credentials"
# Arguments that say nothing of the work: a run that goes on after an upgrade finds its jobs without them.
_NOT_OF_THE_WORK = ("on_empty",)


def lake_identity(credentials: DatalakeCredentials | str) -> str:
    """Return host, organization and lake of credentials, without the token: a rotated token starts no second job.

    A block's name stands for itself, so that no request is needed.
    """
    if isinstance(credentials, str):
        return credentials
    there = credentials.connection
    told = (there.organization_id or there.organization_name, there.datalake_id or there.datalake_name)
    return "/".join([there.host, *(str(one or "") for one in told)])


@dataclass
class SameLake(CachePolicy):
    """Cache policy that tells the same work in two lakes apart."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return the lake of the task's credentials; None for a task without credentials."""
        credentials = (inputs or {}).get(_CREDENTIALS)
        return None if credentials is None else lake_identity(credentials)


SAME_INPUTS = INPUTS - _CREDENTIALS + SameLake() + RUN_ID


def labels(on_stop: OnStop = "cancel") -> dict[str, str]:
    """Return labels by which the jobs of a flow run, and of the run that it is part of, are found again.

    They also say whether the jobs end with the run (`"cancel"`) or outlive it (`"leave"`), and which try started them.
    """
    found = {"orchestrator": "prefect", ON_STOP_LABEL: on_stop}
    if root_run_id() is not None:
        flow_try, retries = current_try()
        found[TRY_LABEL] = f"{flow_try}.{retries}"
    if run_id := runtime.flow_run.id:
        found |= {FLOW_RUN_LABEL: str(run_id), ROOT_LABEL: str(runtime.flow_run.root_flow_run_id)}
        if address := url_for("flow-run", obj_id=run_id):
            found[RUN_URL_LABEL] = address
    return found


def idempotency_key(action: str, arguments: Mapping[str, Any]) -> str | None:
    """Return the key of a call: the same in a retry or resume, another for another call; None outside any run.

    A call with an argument `key` is the same call wherever the run makes it again with these arguments. The name of a
    task run would not do as a key: Prefect changes it when a run is resumed.
    """
    run_id = root_run_id()
    if run_id is None:
        return None
    told = {name: value for name, value in arguments.items() if name not in _NOT_OF_THE_WORK}
    if told.get("everything") is False:
        del told["everything"]
    if _CREDENTIALS in told:
        told[_CREDENTIALS] = lake_identity(told[_CREDENTIALS])
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]
    call = f"prefect:{run_id}:{action}:{digest}"
    number = 0 if told.get("key") is not None else call_number(call)
    return f"{call}#{number}" if number else call


def start_once(hook: DatalakeHook, key: str | None, start: Callable[[str | None], Job]) -> Job:
    """Return the job that a call started under its key, or start one.

    A job that an earlier try of a flow or task started, and that failed or was killed, is replaced by another, under a
    key of its own. The platform is asked before: the data that a filter finds may have changed since, and it refuses
    one key for two requests.
    """
    if key is None:
        return start(None)
    candidate, tries = key, count(2)
    while (job := _find_job(hook, candidate)) is not None:
        if not _is_to_be_replaced(job):
            message = "Job %s (%s) was started before by this call, and is not started again."
            run_logger().info(message, job.id, job.status)
            return job
        candidate = f"{key}:{next(tries)}"
    return start(candidate)


def _find_job(hook: DatalakeHook, key: str) -> Job | None:
    try:
        return next(iter(hook.find_jobs(idempotency_key=key)), None)
    except UnsupportedError:
        # Without keys the platform starts a job each time; only a result that Prefect kept prevents it.
        return None


def _is_to_be_replaced(job: Job) -> bool:
    """Return True if the job did not succeed and was started by an earlier try than this one."""
    if not job.status.is_terminal or job.status.succeeded:
        return False
    started_by = (job.labels or {}).get(TRY_LABEL, "1.0")
    return tuple(int(number) for number in started_by.split(".")) < current_try()


@dataclass
class OncePerCall(CachePolicy):
    """Cache policy of a task whose retried or resumed call gets the kept result, and whose other calls run."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return the key of the call's result, and log when that result is there."""
        # Both twins of a task have the same function, and so the same results.
        action = task_ctx.task.fn.__name__
        call = idempotency_key(action, inputs)
        if call is None:
            return None
        key = hashlib.sha256(call.encode()).hexdigest()
        if get_result_store().exists(key):
            run_logger().info("%s is answered by the result of an earlier try or call of this run.", action)
        return key


@dataclass
class OneJobPerCall(OncePerCall):
    """Cache policy of a task that starts jobs: a retry asks the platform for them, because they may have failed.

    Kept results answer a resumed run, and a retry at a platform that keeps no idempotency keys.
    """

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return the key of the call's result; None where the platform is asked."""
        if current_try() > (1, 0) and _keeps_keys(inputs[_CREDENTIALS]):
            return None
        return super().compute_key(task_ctx, inputs, flow_parameters, **kwargs)


def _keeps_keys(credentials: DatalakeCredentials | str) -> bool:
    with load_credentials(credentials).get_client() as hook:
        return hook.context.offers(Extension.JOB_LABELS) and hook.context.offers(Extension.IDEMPOTENCY_KEY)


# Pickle, the default serializer, would need these very versions of everything to read a result again.
KEPT: dict[str, Any] = {"persist_result": True, "result_serializer": "json"}
ONCE_PER_RUN: dict[str, Any] = {**KEPT, "cache_policy": SAME_INPUTS}
ONCE_PER_CALL: dict[str, Any] = {**KEPT, "cache_policy": OncePerCall()}
ONE_JOB_PER_CALL: dict[str, Any] = {**KEPT, "cache_policy": OneJobPerCall()}
# A flow that keeps its results would otherwise be told what the lake was like before, and a change would not be made.
EACH_TIME: dict[str, Any] = {"cache_policy": NO_CACHE}
