"""Import of the bucket's objects into the lake: once, or on a schedule."""

# No postponed annotations here: a served flow travels pickled, and leaves behind what only an annotation names.
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo

from prefect import flow, task

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import ConfigurationError, NoDataError
from prefect_tasks.blocks import DEFAULT_BLOCK
from prefect_tasks.flows.checked_size import sized_flow
from prefect_tasks.flows.empty_end import empty_end
from prefect_tasks.runs.idempotency import ONCE_PER_RUN
from prefect_tasks.runs.retry_policy import RETRYING
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.wait_options import Seconds, WaitMode
from prefect_tasks.runs.watermark import Watermark
from prefect_tasks.safety.state_hooks import datalake_guards
from prefect_tasks.tasks import import_bucket_objects, wait_for_job
from prefect_tasks.ui import assets

# An import takes them all in one request; a sync that is further behind says so.
_MOST_DAYS = 400
_WAY_OUT = "Name fewer and shorter prefixes, such as those of the folders, or import in several runs."


@sized_flow(_WAY_OUT, flow_run_name="import {prefix}", persist_result=True, **datalake_guards())
def ingest_bucket(
    prefix: str | list[str],
    credentials: str = DEFAULT_BLOCK,
    tags: str | list[str] | None = None,
    source: str | None = None,
    timeout: Seconds | None = 3600.0,
    wait: WaitMode = "auto",
    on_changed: Literal["skip", "update", "new"] = "skip",
    on_empty: OnEmpty = "fail",
) -> dict[str, Any]:
    """Import the bucket's objects under a prefix, and wait until they are data; what is imported already is skipped.

    Args:
        prefix: beginning of object names, or several; `[""]` is the whole bucket.
        credentials: name of a saved block; `"datalake"` falls back on the environment.
        tags: names of tags to put on every data; a missing tag is created.
        source: name of the source of the data; created when missing.
        timeout: seconds to wait for the job; None waits for ever.
        wait: how the run waits, see `wait_for_job`.
        on_changed: what to do with an object that was overwritten in the bucket since its import: "skip" it, which is
            counted and warned of, "update" its data, or import it as "new" data.
        on_empty: end of a run with nothing to do: "fail" (NoDataError), or, with None as result, "skip" (Completed,
            named Skipped) or "succeed".

    Returns:
        The job: `id`, `status`, `counts`, `seconds`, `url`.

    Raises:
        NoDataError: there is no prefix, and `on_empty` is "fail".
        JobFailedError, JobKilledError, JobWaitTimeoutError: the import did not succeed in time.
    """
    timeout = arguments.positive_seconds("timeout", timeout)
    job: str | None = import_bucket_objects(
        credentials, prefix, tags=tags, source=source, on_empty=on_empty, on_changed=on_changed
    )
    if job is None:
        return empty_end(on_empty)
    ended = wait_for_job(credentials, job, timeout, wait=wait)
    emit_import(credentials, tags, source, ended)
    return ended


@flow(flow_run_name="sync {prefix}", persist_result=True, **datalake_guards())
def sync_bucket(
    prefix: str | list[str],
    credentials: str = DEFAULT_BLOCK,
    tags: str | list[str] | None = None,
    source: str | None = None,
    since: date | None = None,
    overlap_days: int = 1,
    time_zone: str = "UTC",
    name: str | None = None,
    timeout: Seconds | None = 3600.0,
    wait: WaitMode = "auto",
    on_changed: Literal["skip", "update", "new"] = "skip",
) -> dict[str, Any]:
    """Import what is new in the bucket since the last sync that succeeded; run it on a schedule.

    A prefix may be dated, like `camera-7/%Y/%m/%d/`: then only the days since that sync are listed, not the years
    before them. How far the sync has come, its watermark, is kept by the Prefect server, so that the next run finds it
    wherever it runs. It moves on only when the import has succeeded: a run that fails, is cancelled or never starts
    leaves its days to the next one. Nothing is imported twice, since the platform skips the objects that it has. An
    import that succeeded, but could not take every object, moves it on too and is a warning in the log.

    Args:
        prefix: beginning of object names, with `%Y`, `%m`, `%d` (and others of `strftime`) where they are dated; `[""]`
            is the whole bucket.
        credentials: name of a saved block; `"datalake"` falls back on the environment.
        tags: names of tags to put on every data; a missing tag is created.
        source: name of the source of the data; created when missing.
        since: the first day of a dated prefix that was never synced; later the watermark counts.
        overlap_days: how many days before the watermark are listed again, for objects that came late.
        time_zone: in which the days of the prefix begin, like `Europe/Paris`.
        name: of the watermark; without it, that of this lake and prefix.
        timeout: seconds to wait for the job; None waits for ever.
        wait: how the run waits, see `wait_for_job`.
        on_changed: what to do with an object that was overwritten in the bucket since its import: "skip" it, which is
            counted and warned of, "update" its data, or import it as "new" data.

    Returns:
        `job` (as `wait_for_job` returns it), `prefixes` (how many were listed), `since` and `watermark` (ISO 8601; None
        the first time of a prefix that is not dated).

    Raises:
        NoDataError: the prefix is blank.
        ConfigurationError: a dated prefix that was never synced came without `since`, or is more than 400 days behind.
        JobFailedError, JobKilledError, JobWaitTimeoutError: the import did not succeed in time.
    """
    timeout = arguments.positive_seconds("timeout", timeout)
    begins = _one_prefix(prefix)
    watermark = Watermark.of(credentials, begins, name)
    plan = plan_sync(begins, vars(watermark), since, overlap_days, time_zone)
    run_logger().info("Since %s: %d prefixes, the last %r", plan["since"], len(plan["prefixes"]), plan["prefixes"][-1])
    job = import_bucket_objects(
        credentials, plan["prefixes"], tags=tags, source=source, on_empty="fail", on_changed=on_changed
    )
    ended = wait_for_job(credentials, job, timeout, wait=wait)
    watermark.write(datetime.fromisoformat(plan["began_at"]))
    emit_import(credentials, tags, source, ended)
    return {
        "job": ended,
        "prefixes": len(plan["prefixes"]),
        "since": plan["since"],
        "watermark": plan["began_at"],
    }


def _one_prefix(prefix: str | list[str]) -> str:
    found = arguments.texts("prefix", prefix, allow_blank=True) or []
    if not found:
        raise NoDataError('sync_bucket was given no prefix; [""] is the whole bucket.')
    if len(found) > 1:
        raise arguments.refusal("prefix", prefix, "write one prefix; each has a watermark of its own.")
    return found[0]


def emit_import(credentials: str, tags: str | list[str] | None, source: str | None, job: dict[str, Any]) -> None:
    """Emit the lineage of an import, and log the objects that it could not take."""
    from datalake_ops.waiting.job_outcome import shortfall

    if lacking := shortfall(job["counts"]):
        run_logger().warning("The import succeeded, but not with everything: %s. See %s", lacking, job["url"])
    facts = {"job": job["url"], "counts": job["counts"]}
    assets.emit_run_materialization(credentials, assets.Materialization.of(tags, source, (), facts))


@task(**{**RETRYING, **ONCE_PER_RUN, "task_run_name": "plan sync of {prefix}"})
def plan_sync(
    prefix: str, watermark: dict[str, str], since: date | None, overlap_days: int, time_zone: str
) -> dict[str, Any]:
    """Return the prefixes of a sync, once per run: a run that is resumed or retried later lists the same days."""
    began_at, reached = datetime.now(UTC), Watermark(**watermark).read()
    return {
        "prefixes": prefixes_of(prefix, reached, since, overlap_days, ZoneInfo(time_zone), began_at),
        "began_at": began_at.isoformat(),
        "since": reached.isoformat() if reached else None,
    }


def prefixes_of(
    prefix: str, reached: datetime | None, since: date | None, overlap_days: int, zone: tzinfo, began_at: datetime
) -> list[str]:
    """The prefix itself, or a dated one for each day from the watermark's, less the overlap, to the present one.

    Raises:
        ConfigurationError: there is no day to begin with, or there are more than 400.
    """
    today = began_at.astimezone(zone).date()
    if "%" not in prefix:
        return [prefix]
    first = since if reached is None else reached.astimezone(zone).date() - timedelta(days=overlap_days)
    if first is None:
        raise ConfigurationError(f"The dated prefix {prefix!r} was never synced: say since which day.")
    days = max((today - first).days, 0) + 1
    if days > _MOST_DAYS:
        raise ConfigurationError(
            f"{days} days of {prefix!r} are more than {_MOST_DAYS} at once: import the older ones by ingest_bucket, "
            "then sync since a later day."
        )
    # Days of one month are one prefix where the prefix names no day.
    dated = [(today - timedelta(days=back)).strftime(prefix) for back in range(days - 1, -1, -1)]
    return list(dict.fromkeys(dated))
