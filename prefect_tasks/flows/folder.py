"""Upload of a folder of any size in shards, spread over threads or machines."""

# No postponed annotations here: a served flow travels pickled, and leaves behind what only an annotation names.
import json
from collections.abc import Mapping, Sequence
from typing import Any

from prefect import runtime
from prefect.task_runners import ThreadPoolTaskRunner

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import ConfigurationError, IncompleteUploadError, NothingDoneError
from datalake_ops.upload.reporting.rows import named_error
from prefect_tasks.blocks import DEFAULT_BLOCK, load_credentials
from prefect_tasks.flows.checked_size import sized_flow
from prefect_tasks.flows.empty_end import empty_end
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import redact_address, shorten
from prefect_tasks.ui import artifacts, assets
from prefect_tasks.ui.sample import show_sample
from prefect_tasks.uploads.sharding import plan_upload, upload_shards
from prefect_tasks.uploads.shared_folder import NOTE, SharedFolder
from prefect_tasks.uploads.task_runners import THREADS, RunnerName, task_runner
from prefect_tasks.uploads.upload import SUMMARY_BYTES

_NAMED = 5
_WAY_OUT = (
    "Name the files by their folder, or write them to a manifest and pass its address: "
    "manifest=prefect_tasks.write_manifest('s3://bucket/files.jsonl', files)."
)


def _asked(name: str) -> Any:
    return runtime.flow_run.parameters.get(name)


def _run_name() -> str:
    return f"ingest {shorten(_asked('folder') or _asked('manifest'))}"


@sized_flow(_WAY_OUT, flow_run_name=_run_name, task_runner=ThreadPoolTaskRunner(max_workers=THREADS))
def ingest_folder(
    folder: str | list[str] | None = None,
    manifest: str | None = None,
    credentials: str = DEFAULT_BLOCK,
    tags: str | list[str] | None = None,
    source: str | None = None,
    max_files: int = 1000,
    max_bytes: int | None = None,
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    base: str | None = None,
    fill_metadata: bool | str = False,
    metadata: dict[str, Any] | None = None,
    custom_metadata: dict[str, Any] | None = None,
    unsupported: str = "fail",
    runner: RunnerName | None = None,
    runner_options: dict[str, Any] | None = None,
    max_workers: int | None = None,
    checkpoints: str | None = None,
    limit: str | None = None,
    max_failed: float = 0,
    sample_size: int = 8,
    on_empty: OnEmpty = "fail",
    allow: list[str] | None = None,
) -> dict[str, Any]:
    """Upload a folder, or the files of a manifest, in shards, one task for each shard.

    Files that the lake holds already, by name and content, are skipped. A retry of the run plans nothing anew, and does
    only the shards that did not end well.

    Args:
        folder: a folder, a pattern or an fsspec URL whose images and videos are uploaded, or some of these. All workers
            must reach it.
        manifest: instead of a folder, the address of a manifest: a row per file, see `write_manifest`. Its rows reach
            what is below its base alone, for a run's parameter names it.
        credentials: name of a saved block; `"datalake"` falls back on the environment of each worker.
        tags: names of tags to put on every data; a missing tag is created.
        source: name of the source the files came from; created when missing.
        max_files, max_bytes: how many files and bytes a shard has at most. Sizes are asked for only with `max_bytes`.
        include, exclude: patterns that choose the files of folders; an empty `include` chooses none.
        base: where the manifest's relative paths begin, when that is not its own folder.
        fill_metadata: read EXIF into metadata; "full" reads place, true moment and camera too.
        metadata, custom_metadata: put on every data; a manifest can say more of each file.
        unsupported: treatment of a file that the platform does not read: "fail", "skip" or "convert".
        runner: "threads", "dask" or "ray"; without one, that of the flow: threads, unless `with_options` says else.
        runner_options: arguments of the runner, such as `{"address": "tcp://scheduler:8786"}`.
        max_workers: how many files of a shard travel at once.
        checkpoints: a folder or an fsspec URL that all workers reach. Each shard keeps its journal and its report
            there: a shard that was killed goes on where it was, and `retry_failed_files` finds what failed.
        limit: name of a concurrency limit of which each shard holds a slot, see `ensure_limits`.
        max_failed: how many files may fail before the run fails: a number, or a share of them below 1.
        sample_size: number of pictures that the sample shows.
        on_empty: end of a run without a file to upload: "fail" (NoDataError), "skip" (Completed, named Skipped) or
            "succeed"; the last two have a summary of no files as result.
        allow: folders and addresses that the manifest's rows may reach besides its base.

    Returns:
        The upload's summary in at most 2,000 bytes, with `shards`, how many there were, and `checkpoints`.

    Raises:
        ConfigurationError: an argument cannot be right; nothing was sent.
        NoDataError: there is no file, and `on_empty` is "fail".
        IncompleteUploadError, NothingDoneError: more files failed than may; all others are uploaded.
    """
    from datalake_ops.upload.reporting.failure_policy import FailurePolicy

    told = _source(folder, manifest, base, allow)
    what, tolerance = shorten(folder or manifest), FailurePolicy(max_failed=max_failed)
    limits = {"max_files": max_files, "max_bytes": max_bytes, "include": include, "exclude": exclude or ()}
    options = {
        "tags": tags,
        "source": source,
        "max_workers": max_workers,
        "metadata": metadata,
        "custom_metadata": custom_metadata,
        "fill_metadata": arguments.fill("fill_metadata", fill_metadata),
        "unsupported": arguments.choice("unsupported", unsupported, ("fail", "skip", "convert")),
        "if_exists": "skip",
    }
    plan = plan_upload(told, limits, what, on_empty=on_empty)
    if not plan:
        return empty_end(on_empty, _summary([], checkpoints))
    run_logger().info("%d files in %d shards", sum(shard["files"] for shard in plan), len(plan))
    if checkpoints is not None:
        note = {"source": told, "arguments": options, "plan": plan}
        SharedFolder(checkpoints).write(NOTE, json.dumps(note))
    fixed = {"credentials": credentials, "arguments": options, "checkpoints": checkpoints, "limit": limit}
    with task_runner(runner, runner_options) as chosen:
        summaries = upload_shards(plan, fixed, chosen, what)
    summary = _conclude(summaries, credentials, what, tolerance.refuses, checkpoints, sample_size)
    facts = {"counts": summary["counts"], "bytes": summary["bytes"], "shards": summary["shards"]}
    assets.emit_run_materialization(
        credentials, assets.Materialization.of(tags, source, manifest or folder or (), facts)
    )
    return summary


def _source(
    folder: str | list[str] | None, manifest: str | None, base: str | None, allow: list[str] | None
) -> dict[str, Any]:
    if (folder is None) == (manifest is None):
        raise ConfigurationError("Give ingest_folder a folder or a manifest, and not both.")
    if manifest is not None:
        return {"manifest": manifest, "base": base, "allow": arguments.texts("allow", allow)}
    paths = arguments.texts("folder", folder) or []
    return {"paths": paths[0] if len(paths) == 1 else paths}


def _conclude(
    summaries: Sequence[Mapping[str, Any]],
    credentials: str,
    what: str,
    refuses: Any,
    checkpoints: str | None,
    sample_size: int,
) -> dict[str, Any]:
    from datalake_ops.upload.reporting.failure_policy import failed_files
    from datalake_ops.upload.sharding import merge_summaries

    merged = merge_summaries(summaries)
    failed = failed_files(merged)
    _show(merged, credentials, what, sample_size)
    run_logger().info("%d shards: %s, %d bytes", len(summaries), merged["counts"], merged["bytes"])
    if refuses(failed, merged["files"]):
        raise _failure(merged, failed, checkpoints)
    return _summary(summaries, checkpoints)


def _summary(summaries: Sequence[Mapping[str, Any]], checkpoints: str | None) -> dict[str, Any]:
    from datalake_ops.upload.reporting.export import within
    from datalake_ops.upload.sharding import merge_summaries

    extra = {"shards": len(summaries), "checkpoints": checkpoints}
    return {**within(merge_summaries(summaries), SUMMARY_BYTES - len(json.dumps(extra))), **extra}


def _show(merged: Mapping[str, Any], credentials: str, what: str, sample_size: int) -> None:
    artifacts.table(artifacts.SUMMARY, artifacts.summary_rows(merged), f"Upload of {what}")
    told = artifacts.log_failures("The lake's page and a sample are not shown")
    with told, load_credentials(credentials).get_client() as hook:
        artifacts.link(hook.datalake_url(), f"Lake {hook.context.datalake.name}")
        show_sample(hook, merged["data_ids"], f"Some of {what}", sample_size)


def _failure(
    merged: Mapping[str, Any], failed: int, checkpoints: str | None
) -> IncompleteUploadError | NothingDoneError:
    named = "; ".join(named_error(**one).rstrip(".") for one in merged["errors"][:_NAMED])
    more = f"; and {failed - _NAMED} more" if failed > _NAMED else ""
    again = f"retry_failed_files(credentials, {redact_address(checkpoints)!r})" if checkpoints else "Running it again"
    kind = NothingDoneError if failed == merged["files"] else IncompleteUploadError
    return kind(f"{failed} of {merged['files']} files were not uploaded: {named}{more}. {again} sends only these.")
