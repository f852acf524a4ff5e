"""Upload of a folder, import of a prefix of the bucket, and processings of all of it."""

# No postponed annotations here: a served flow travels pickled, and leaves behind what only an annotation names.
from collections.abc import Sequence
from typing import Any

from prefect import flow

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from prefect_tasks.blocks import DEFAULT_BLOCK
from prefect_tasks.flows.bucket import emit_import
from prefect_tasks.flows.empty_end import empty_end
from prefect_tasks.flows.processing import emit_processing
from prefect_tasks.runs.wait_options import Seconds
from prefect_tasks.safety.state_hooks import datalake_guards
from prefect_tasks.tasks import import_bucket_objects, launch_processing, list_data, upload_data, wait_for_job


@flow(persist_result=True, **datalake_guards())
def ingest_and_process(
    folder: str | None = None,
    prefix: str | None = None,
    credentials: str = DEFAULT_BLOCK,
    tag: str = "ingested",
    source: str = "prefect",
    processings: Sequence[str] = ("quality-tagging", "thumbnails"),
    timeout: Seconds = 3600.0,
    on_empty: OnEmpty = "fail",
) -> dict[str, Any]:
    """Upload a folder, import a prefix of the bucket, run processings on all of it, and count the data with the tag.

    Args:
        folder: folder whose images and videos are uploaded, with their EXIF; None uploads nothing.
        prefix: beginning of the names of the bucket's objects to import; None imports nothing.
        credentials: name of a saved block; `"datalake"` falls back on the environment.
        tag: put on everything, and what the processings and the listing choose by.
        source: name of the source of everything.
        processings: names of processings to run on the data, one after the other.
        timeout: seconds to wait for each job.
        on_empty: what becomes of the run where the folder has no file, the prefix is blank, or no data carry the tag:
            "fail" (NoDataError); with "skip" and "succeed" that step is left out, and a run in which no data carry the
            tag ends in a Completed state, which "skip" names Skipped.

    Returns:
        `upload` (its summary), `jobs` (one summary per job, in order) and `data` (how many carry the tag).

    Raises:
        ArgumentError: the tag is blank; nothing was sent.
        NoDataError: there is nothing to do, and `on_empty` is "fail".
    """
    if arguments.is_empty(tag):
        raise arguments.refusal("tag", tag, "write the name of the tag by which the processings choose.")
    seconds = arguments.positive_seconds("timeout", timeout)
    summary: dict[str, Any] = {"upload": None, "jobs": []}
    if folder is not None:
        summary["upload"] = upload_data(
            credentials, folder, tags=[tag], source=source, fill_metadata=True, on_empty=on_empty
        )
    if prefix is not None:
        imported: str | None = import_bucket_objects(credentials, prefix, tags=[tag], source=source, on_empty=on_empty)
        if imported is not None:
            summary["jobs"].append(wait_for_job(credentials, imported, seconds))
            emit_import(credentials, tag, source, summary["jobs"][0])
    jobs = [launch_processing(credentials, name, tags=[tag], on_empty=on_empty) for name in processings]
    started: list[tuple[str, str | None]] = list(zip(processings, jobs, strict=True))
    for name, job in started:
        if job is not None:
            ended = wait_for_job(credentials, job, seconds)
            emit_processing(credentials, name, ended)
            summary["jobs"].append(ended)
    summary["data"] = len(list_data(credentials, tags=[tag], on_empty=on_empty))
    return summary if summary["data"] else empty_end(on_empty, summary)
