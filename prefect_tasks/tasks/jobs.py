"""Starting jobs: imports and processings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task

from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.idempotency import ONE_JOB_PER_RUN, idempotency_key, labels, start_once
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.run_labels import record_launch
from prefect_tasks.runs.run_logger import OnStop, run_logger
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.tasks.selection import chosen
from prefect_tasks.waits.job_progress import WORK_LABEL, announce_job

if TYPE_CHECKING:
    from datalake_ops.wire.jobs import Job

IMPORTING: dict[str, Any] = {
    **RETRYING,
    **ONE_JOB_PER_RUN,
    "task_run_name": run_name("import_bucket_objects", "prefixes", "tags"),
}
LAUNCHING: dict[str, Any] = {**RETRYING, **ONE_JOB_PER_RUN, "task_run_name": "launch_processing {processing}"}


@task(**IMPORTING)
def import_bucket_objects(
    credentials: DatalakeCredentials | str,
    prefixes: str | list[str],
    tags: str | list[str] | None = None,
    source: str | None = None,
    key: str | None = None,
    on_stop: OnStop = "cancel",
) -> str:
    """Start the import of the bucket's objects whose names begin with a prefix, and return the job's id.

    A retried flow run finds the import that it started, and starts another only when that one failed.

    Args:
        credentials: a block, or the name of a saved one.
        prefixes: beginnings of object names; `""` is the whole bucket.
        tags: names of tags to put on every data; a missing tag is created.
        source: name of the source of the data; created when missing.
        key: tells apart two imports with the same arguments in one flow run.
        on_stop: what becomes of the job when its flow run is stopped: `"cancel"`, or `"detach"` to let it go on.

    Raises:
        AmbiguousRequestError: the answer was lost and the platform keeps no idempotency keys: look before repeating.
    """
    own_key, marks = idempotency_key("import_bucket_objects", locals()), labels(on_stop) | {WORK_LABEL: "import"}
    record_launch(credentials)
    with load_credentials(credentials).get_client() as hook:
        job = start_once(
            hook,
            own_key,
            lambda key: hook.import_bucket_objects(prefixes, tags, source, idempotency_key=key, labels=marks),
        )
        announce_job(hook, job, f"Import of {prefixes}")
    return str(job.id)


@task(**LAUNCHING)
def launch_processing(
    credentials: DatalakeCredentials | str,
    processing: str,
    data: list[str] | None = None,
    parameters: dict[str, Any] | None = None,
    cpu: int | None = None,
    gpu: int | None = None,
    inputs: dict[str, Any] | None = None,
    tags: str | list[str] | None = None,
    intersect_tags: bool = False,
    q: str | None = None,
    limit: int | None = None,
    key: str | None = None,
    on_stop: OnStop = "cancel",
) -> str:
    """Launch a processing on data, and return the job's id.

    A retried flow run finds the job that it started, and starts another only when that one failed.

    Args:
        credentials: a block, or the name of a saved one.
        processing: name or id of the processing.
        data: ids of the data; without them the data are those that `tags`, `q` and `limit` find.
        parameters, cpu, gpu, inputs: what is left out is the processing's default.
        tags, intersect_tags, q, limit: as in `list_data`.
        key: tells apart two launches with the same arguments in one flow run.
        on_stop: what becomes of the job when its flow run is stopped: `"cancel"`, or `"detach"` to let it go on.

    Raises:
        NoDataError: there is no data to work on.
        AmbiguousRequestError: the answer was lost and the platform keeps no idempotency keys: look before repeating.
    """
    own_key, marks = (
        idempotency_key("launch_processing", locals()),
        labels(on_stop) | {WORK_LABEL: f"processing {processing}"},
    )
    record_launch(credentials)
    filters = {"tags": tags, "intersect_tags": intersect_tags, "q": q, "limit": limit}
    settings: dict[str, Any] = {"parameters": parameters, "cpu": cpu, "gpu": gpu, "inputs": inputs}
    with load_credentials(credentials).get_client() as hook:

        def start(key: str | None) -> Job:
            named = chosen(hook, data, filters)
            run_logger().info("%s works on %d data", processing, len(named))
            return hook.launch_processing(processing, named, **settings, idempotency_key=key, labels=marks)

        job = start_once(hook, own_key, start)
        announce_job(hook, job, processing)
    return str(job.id)


aimport_bucket_objects = async_twin(import_bucket_objects.fn, **IMPORTING)
alaunch_processing = async_twin(launch_processing.fn, **LAUNCHING)
