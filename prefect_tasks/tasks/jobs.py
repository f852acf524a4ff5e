"""Starting jobs: imports and processings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import NoDataError
from datalake_ops.waiting import cancel_policy
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.datalake_task import came_from_a_task, datalake_task
from prefect_tasks.runs.idempotency import ONE_JOB_PER_CALL, idempotency_key, labels, start_once
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.run_labels import record_launch
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import run_name, shorten
from prefect_tasks.runs.wait_options import OnStop
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.tasks.selection import CHOOSES, check_selection, chosen_ids
from prefect_tasks.waits.job_progress import WORK_LABEL, announce_job

if TYPE_CHECKING:
    from datalake_ops.wire.jobs import Job

IMPORTING: dict[str, Any] = {
    **RETRYING,
    **ONE_JOB_PER_CALL,
    "task_run_name": run_name("import_bucket_objects", "prefixes", "tags"),
}
LAUNCHING: dict[str, Any] = {**RETRYING, **ONE_JOB_PER_CALL, "task_run_name": "launch_processing {processing}"}


@datalake_task(**IMPORTING)
def import_bucket_objects(
    credentials: DatalakeCredentials | str,
    prefixes: str | list[str],
    tags: str | list[str] | None = None,
    source: str | None = None,
    key: str | None = None,
    on_stop: OnStop = "cancel",
    on_empty: OnEmpty = "skip",
    fill_metadata: bool | str = True,
    on_changed: str = "skip",
) -> str:
    """Start the import of the bucket's objects whose names begin with a prefix, and return the job's id.

    A retry or resume of the call meets its import, and starts another only when that one failed or was killed.

    Args:
        credentials: a block, or the name of a saved one.
        prefixes: beginnings of object names; `[""]` is the whole bucket, unless another task returned it.
        tags: names of tags to put on every data; a missing tag is created.
        source: name of the source of the data; created when missing.
        key: makes calls with the same arguments and key in one flow run one call.
        on_stop: what becomes of the job when its flow run is stopped: `"cancel"`, or `"leave"` to let it go on.
        on_empty: answer to no prefixes: "skip", "succeed" (both give None) or "fail" (NoDataError).
        fill_metadata: "full" reads place, true moment and camera from EXIF too.
        on_changed: what to do with an object that was overwritten in the bucket since its import: "skip" it, which is
            counted and warned of, "update" its data, or import it as "new" data.

    Raises:
        ArgumentError: an argument is not of its field; nothing was sent.
        AmbiguousRequestError: the answer was lost and the platform keeps no idempotency keys: look before repeating.
    """
    own_key = idempotency_key("import_bucket_objects", locals())
    marks = labels(cancel_policy.on_stop("on_stop", on_stop)) | {WORK_LABEL: "import"}
    # Only a prefix that somebody wrote is the whole bucket, not what came out blank of another task.
    wanted = arguments.texts("prefixes", prefixes, allow_blank=not came_from_a_task("prefixes"))
    if not wanted:
        raise NoDataError('import_bucket_objects was given no prefix; [""] imports the whole bucket.')
    names, origin = arguments.texts("tags", tags), arguments.name("source", source)
    fill = arguments.fill("fill_metadata", fill_metadata)
    changed = arguments.on_changed(on_changed).value
    record_launch(credentials)
    with load_credentials(credentials).get_client() as hook:
        job = start_once(
            hook,
            own_key,
            lambda key: hook.import_bucket_objects(
                wanted,
                names,
                origin,
                fill_metadata=fill,
                on_changed=changed,
                idempotency_key=key,
                labels=marks,
            ),
        )
        announce_job(hook, job, f"Import of {shorten(wanted)}")
    return str(job.id)


@datalake_task(chooses=CHOOSES, **LAUNCHING)
def launch_processing(
    credentials: DatalakeCredentials | str,
    processing: str,
    data: str | Sequence[str] | None = None,
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
    everything: bool = False,
    on_empty: OnEmpty = "skip",
) -> str:
    """Launch a processing on data, and return the job's id.

    A retry or resume of the call meets its job, and starts another only when that one failed or was killed.

    Args:
        credentials: a block, or the name of a saved one.
        processing: name or id of the processing.
        data: ids of the data; without them the data are those that `tags`, `q` and `limit` find.
        parameters, cpu, gpu, inputs: in place of the processing's own.
        tags, intersect_tags, q, limit: as in `list_data`.
        key: makes calls with the same arguments and key in one flow run one call.
        on_stop: what becomes of the job when its flow run is stopped: `"cancel"`, or `"leave"` to let it go on.
        everything: all data of the lake.
        on_empty: answer to no data: "skip", "succeed" (both give None) or "fail" (NoDataError).

    Raises:
        ArgumentError: an argument is not of its field, or nothing was chosen; nothing was sent.
        AmbiguousRequestError: the answer was lost and the platform keeps no idempotency keys: look before repeating.
    """
    own_key = idempotency_key("launch_processing", locals())
    called = _name_of_processing(processing)
    marks = labels(cancel_policy.on_stop("on_stop", on_stop)) | {WORK_LABEL: f"processing {called}"}
    filters = {"tags": tags, "intersect_tags": intersect_tags, "q": q, "limit": limit}
    selection = check_selection("launch_processing", data, filters, everything)
    settings = _settings(parameters, cpu, gpu, inputs)
    record_launch(credentials)
    with load_credentials(credentials).get_client() as hook:

        def start(key: str | None) -> Job:
            named = chosen_ids(hook, selection)
            run_logger().info("%s works on %d data", called, len(named))
            return hook.launch_processing(called, named, **settings, idempotency_key=key, labels=marks)

        job = start_once(hook, own_key, start)
        announce_job(hook, job, called)
    return str(job.id)


aimport_bucket_objects = async_twin(import_bucket_objects, **IMPORTING)
alaunch_processing = async_twin(launch_processing, **LAUNCHING)


def _name_of_processing(processing: Any) -> str:
    return arguments.required_name("processing", processing, "write the name or the id of a processing.")


def _settings(parameters: Any, cpu: Any, gpu: Any, inputs: Any) -> dict[str, Any]:
    return {
        "parameters": arguments.mapping("parameters", parameters),
        "cpu": arguments.whole_number("cpu", cpu, at_least=0),
        "gpu": arguments.whole_number("gpu", gpu, at_least=0),
        "inputs": arguments.mapping("inputs", inputs),
    }
