"""Importing named objects of the bucket, each with its own metadata, tags and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect import runtime, task
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext

from datalake_ops.errors import ConfigurationError
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.idempotency import KEPT, SAME_CALL, count_failed_jobs, idempotency_key, labels, start_once
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.run_labels import record_launch
from prefect_tasks.runs.run_logger import OnStop
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.waits.job_progress import WORK_LABEL, announce_job

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.jobs import Job

_ACTION = "import_cloud_objects"


@dataclass
class JobsOncePerRun(CachePolicy):
    """What `OneJobPerRun` is for a task that starts a job, for this one, which starts several."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """The key of the result: of the inputs and the run, and of how many of its jobs ended badly."""
        steady = SAME_CALL.compute_key(task_ctx, inputs, flow_parameters, **kwargs)
        replaced = _replaced(inputs) if runtime.flow_run.run_count > 1 else 0
        return f"{_ACTION}-{steady}-{replaced}"


IMPORTING_OBJECTS: dict[str, Any] = {
    **RETRYING,
    **KEPT,
    "cache_policy": JobsOncePerRun(),
    "task_run_name": run_name(_ACTION, "objects"),
}


@task(**IMPORTING_OBJECTS)
def import_cloud_objects(
    credentials: DatalakeCredentials | str,
    objects: list[str] | dict[str, dict[str, Any]],
    key: str | None = None,
    on_stop: OnStop = "cancel",
) -> list[str]:
    """Start the import of named objects of the bucket, 500 in each job, and return the ids of the jobs.

    A retried flow run finds the imports that it started, and starts anew only those that failed.

    Args:
        credentials: a block, or the name of a saved one.
        objects: names of objects; or by name, any of `metadata`, `custom_metadata`, `tags` and `data_source`. Tags and
            sources go by name and are created when missing.
        key: tells apart two imports with the same arguments in one flow run.
        on_stop: what becomes of the jobs when their flow run is stopped: `"cancel"`, or `"detach"` to let them go on.

    Raises:
        ConfigurationError: no object was given, or a field that data have not; nothing was sent.
        AmbiguousRequestError: the answer was lost and the platform keeps no idempotency keys: look before repeating.
    """
    own_key, marks = idempotency_key(_ACTION, locals()), labels(on_stop) | {WORK_LABEL: "import"}
    record_launch(credentials)
    jobs: list[str] = []
    with load_credentials(credentials).get_client() as hook:
        for number, part in enumerate(_parts(objects)):
            job = start_once(hook, _part_key(own_key, number), partial(_start, hook, part, marks))
            announce_job(hook, job, f"Import of {len(part)} objects")
            jobs.append(str(job.id))
    return jobs


aimport_cloud_objects = async_twin(import_cloud_objects.fn, **IMPORTING_OBJECTS)


def _start(hook: DatalakeHook, part: dict[str, Any], marks: dict[str, str], key: str | None) -> Job:
    return hook.import_cloud_objects(part, idempotency_key=key, labels=marks)[0]


def _part_key(key: str | None, number: int) -> str | None:
    return None if key is None else f"{key}/{number}"


def _parts(objects: list[str] | dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    from datalake_ops.wire.paging import IMPORT_SIZE

    named = list(objects.items() if isinstance(objects, Mapping) else dict.fromkeys(objects).items())
    if not named:
        raise ConfigurationError("import_cloud_objects needs at least one object name.")
    return [dict(named[start : start + IMPORT_SIZE]) for start in range(0, len(named), IMPORT_SIZE)]


def _replaced(inputs: Mapping[str, Any]) -> int:
    key = idempotency_key(_ACTION, inputs)
    if key is None:
        return 0
    with load_credentials(inputs["credentials"]).get_client() as hook:
        return sum(count_failed_jobs(hook, f"{key}/{number}") for number in range(len(_parts(inputs["objects"]))))
