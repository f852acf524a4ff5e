"""Importing named objects of the bucket, each with its own metadata, tags and source."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import NoDataError
from datalake_ops.waiting import cancel_policy
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.datalake_task import datalake_task
from prefect_tasks.runs.idempotency import ONE_JOB_PER_CALL, idempotency_key, labels, start_once
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.run_labels import record_launch
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.runs.wait_options import OnStop
from prefect_tasks.tasks.async_twin import async_twin
from prefect_tasks.waits.job_progress import WORK_LABEL, announce_job

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.jobs import Job

IMPORTING_OBJECTS: dict[str, Any] = {
    **RETRYING,
    **ONE_JOB_PER_CALL,
    "task_run_name": run_name("import_cloud_objects", "objects"),
}


@datalake_task(empty=[], chooses=["objects"], **IMPORTING_OBJECTS)
def import_cloud_objects(
    credentials: DatalakeCredentials | str,
    objects: list[str] | dict[str, dict[str, Any]],
    key: str | None = None,
    on_stop: OnStop = "cancel",
    on_empty: OnEmpty = "skip",
    fill_metadata: bool | str = True,
    on_changed: str = "skip",
) -> list[str]:
    """Start the import of named objects of the bucket, 500 in each job, and return the ids of the jobs.

    A retry or resume of the call meets its imports, and starts anew only those that failed or were killed.

    Args:
        credentials: a block, or the name of a saved one.
        objects: names of objects; or by name, any of `metadata`, `custom_metadata`, `tags` and `data_source`. Tags and
            sources go by name and are created when missing.
        key: makes calls with the same arguments and key in one flow run one call.
        on_stop: what becomes of the jobs when their flow run is stopped: `"cancel"`, or `"leave"` to let them go on.
        on_empty: answer to no objects: "skip", "succeed" (both give []) or "fail" (NoDataError).
        fill_metadata: "full" reads place, true moment and camera from EXIF too.
        on_changed: what to do with an object that was overwritten in the bucket since its import: "skip" it, which is
            counted and warned of, "update" its data, or import it as "new" data.

    Raises:
        ConfigurationError: a field that data have not; nothing was sent.
        AmbiguousRequestError: the answer was lost and the platform keeps no idempotency keys: look before repeating.
    """
    own_key = idempotency_key("import_cloud_objects", locals())
    marks = labels(cancel_policy.on_stop("on_stop", on_stop)) | {WORK_LABEL: "import"}
    parts = _parts(objects)
    options = {
        "fill_metadata": arguments.fill("fill_metadata", fill_metadata),
        "on_changed": arguments.on_changed(on_changed).value,
    }
    record_launch(credentials)
    jobs: list[str] = []
    with load_credentials(credentials).get_client() as hook:
        for number, part in enumerate(parts):
            job = start_once(hook, _part_key(own_key, number), partial(_start, hook, (part, options), marks))
            announce_job(hook, job, f"Import of {len(part)} objects")
            jobs.append(str(job.id))
    return jobs


aimport_cloud_objects = async_twin(import_cloud_objects, **IMPORTING_OBJECTS)


def _start(
    hook: DatalakeHook, part: tuple[dict[str, Any], dict[str, Any]], marks: dict[str, str], key: str | None
) -> Job:
    objects, options = part
    return hook.import_cloud_objects(objects, **options, idempotency_key=key, labels=marks)[0]


def _part_key(key: str | None, number: int) -> str | None:
    return None if key is None else f"{key}/{number}"


def _parts(objects: Any) -> list[dict[str, Any]]:
    from datalake_ops.wire.paging import IMPORT_SIZE

    is_mapping = isinstance(objects, Mapping) or (isinstance(objects, str) and objects.lstrip().startswith("{"))
    if is_mapping:
        named = arguments.mapping("objects", objects) or {}
    else:
        named = dict.fromkeys(arguments.texts("objects", objects) or ())
    if not named:
        raise NoDataError("import_cloud_objects was given no names of objects: there is nothing to do.")
    pairs = [*named.items()]
    return [dict(pairs[start : start + IMPORT_SIZE]) for start in range(0, len(pairs), IMPORT_SIZE)]
