"""Processing of data, with a wait until it has ended."""

# No postponed annotations here: a served flow travels pickled, and leaves behind what only an annotation names.
from typing import Any

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.waiting import cancel_policy
from prefect_tasks.blocks import DEFAULT_BLOCK
from prefect_tasks.flows.checked_size import sized_flow
from prefect_tasks.flows.empty_end import empty_end
from prefect_tasks.runs.wait_options import OnStopParameter, Seconds, WaitMode
from prefect_tasks.safety.state_hooks import datalake_guards
from prefect_tasks.tasks import launch_processing, wait_for_job
from prefect_tasks.ui import assets

_WAY_OUT = "Put a tag on the data and name it as tags=..., or say by q=... which data are meant, in place of their ids."


@sized_flow(_WAY_OUT, flow_run_name="process by {processing}", persist_result=True, **datalake_guards())
def process_and_wait(
    processing: str,
    credentials: str = DEFAULT_BLOCK,
    data: list[str] | None = None,
    tags: str | list[str] | None = None,
    intersect_tags: bool = False,
    q: str | None = None,
    limit: int | None = None,
    parameters: dict[str, Any] | None = None,
    cpu: int | None = None,
    gpu: int | None = None,
    inputs: dict[str, Any] | None = None,
    timeout: Seconds | None = 3600.0,
    on_stop: OnStopParameter = "cancel",
    wait: WaitMode = "auto",
    on_empty: OnEmpty = "fail",
) -> dict[str, Any]:
    """Launch a processing on data and wait until it has ended.

    A retried run waits for the same job, unless that job failed. A run that is stopped stops its job.

    Args:
        processing: name or id of the processing.
        credentials: name of a saved block; `"datalake"` falls back on the environment.
        data: ids of the data; without them the data are those that `tags`, `q` and `limit` find.
        tags, intersect_tags, q, limit: as in `list_data`.
        parameters, cpu, gpu, inputs: what is left out is the processing's default.
        timeout: seconds to wait for the job; None waits for ever.
        on_stop: what becomes of the job when the run is stopped: `"cancel"`, or `"leave"` to let it go on.
        wait: how the run waits, see `wait_for_job`.
        on_empty: end of a run with nothing to do: "fail" (NoDataError), or, with None as result, "skip" (Completed,
            named Skipped) or "succeed".

    Returns:
        The job: `id`, `status`, `counts`, `exit_code`, `reason`, `seconds`, `url`.

    Raises:
        NoDataError: there is no data to work on, and `on_empty` is "fail".
        JobFailedError, JobKilledError, JobWaitTimeoutError: the job did not succeed in time.
    """
    filters: dict[str, Any] = {"tags": tags, "intersect_tags": intersect_tags, "q": q, "limit": limit}
    settings: dict[str, Any] = {"parameters": parameters, "cpu": cpu, "gpu": gpu, "inputs": inputs}
    timeout = arguments.positive_seconds("timeout", timeout)
    stop = cancel_policy.on_stop("on_stop", on_stop)
    job: str | None = launch_processing(
        credentials, processing, data, **settings, **filters, on_stop=stop, on_empty=on_empty
    )
    if job is None:
        return empty_end(on_empty)
    ended = wait_for_job(credentials, job, timeout, on_stop=stop, wait=wait)
    emit_processing(credentials, processing, ended)
    return ended


def emit_processing(credentials: str, processing: str, job: dict[str, Any]) -> None:
    """Emit the lineage of a processing."""
    facts = {"processing": processing, "job": job["url"], "counts": job["counts"]}
    assets.emit_run_materialization(credentials, assets.Materialization.of(None, None, (), facts))
