"""Task group that ingests, processes, checks and promotes a batch of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider.compat import BaseOperator, TaskGroup
from airflow_provider.operators.abstract.selection import listed
from airflow_provider.operators.import_bucket import ImportBucketOperator
from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.operators.quality_gate import QualityGateOperator
from airflow_provider.operators.tags import TagDataOperator
from airflow_provider.operators.upload import UploadDataOperator
from datalake_ops.errors import ConfigurationError


def datalake_pipeline(
    group_id: str = "datalake_pipeline",
    *,
    batch: str,
    promote: str | Sequence[str],
    upload: Mapping[str, Any] | None = None,
    import_bucket: Mapping[str, Any] | None = None,
    processings: Sequence[str | Mapping[str, Any]] = (),
    gate: Sequence[dict[str, Any]] = (),
    on_shut: str = "fail",
    default_args: dict[str, Any] | None = None,
    **kwargs: Any,
) -> TaskGroup:
    """Tasks that bring a batch of data into the lake, process it, judge it, and give it the tags of good data.

    Everything that comes in gets the tag `batch`, and the later tasks work on the data of that tag alone. The
    processings run side by side. The tasks are named `upload`, `import_bucket`, by the processings, `gate` and
    `promote`.

    Example:
        >>> datalake_pipeline(
        ...     "night_shift",
        ...     batch="batch-{{ ds_nodash }}",
        ...     upload={"filepaths": "/data/{{ ds }}", "source": "camera-one"},
        ...     processings=["quality-tagging", {"processing": "thumbnails", "cpu": 2}],
        ...     gate=[{"min_count": 100}, {"tags": "blurred", "max_share": 0.2}],
        ...     promote=["validated"],
        ...     default_args={"deferrable": True},
        ... )

    Args:
        group_id: Name of the group.
        batch: Name of the tag that all data of a run get; templated, so that each run has its own.
        promote: Tags for the data of a batch that passes.
        upload: Arguments of an `UploadDataOperator`.
        import_bucket: Arguments of an `ImportBucketOperator`; give one or both.
        processings: Names of processings, or arguments of a `LaunchProcessingOperator` each.
        gate: Rules of a `QualityGateOperator`; without any every batch passes that has data.
        on_shut: What a shut gate does: "fail", or "skip" what follows.
        default_args: Arguments for all tasks of the group, such as `datalake_conn_id` and `deferrable`.
        kwargs: The rest of Airflow's `TaskGroup`.

    Raises:
        ConfigurationError: There is nothing to ingest.
    """
    if upload is None and import_bucket is None:
        raise ConfigurationError("datalake_pipeline needs something to ingest: `upload`, `import_bucket`, or both.")
    with TaskGroup(group_id, **{"default_args": default_args or {}, **kwargs}) as group:
        ingests: list[BaseOperator] = []
        if upload is not None:
            ingests.append(UploadDataOperator(task_id="upload", **_tagged(upload, batch)))
        if import_bucket is not None:
            ingests.append(ImportBucketOperator(task_id="import_bucket", **_tagged(import_bucket, batch)))
        processed = [_processing(one, batch) for one in processings]
        judged = QualityGateOperator(
            task_id="gate", tags=[batch], rules=list(gate) or [{"min_count": 1}], on_shut=on_shut
        )
        promoted = TagDataOperator(task_id="promote", tags=[batch], add=listed(promote))
        for one in ingests:
            one >> (processed or judged)
        for one in processed:
            one >> judged
        judged >> promoted
    return group


def _processing(given: str | Mapping[str, Any], batch: str) -> BaseOperator:
    arguments = {"processing": given} if isinstance(given, str) else dict(given)
    return LaunchProcessingOperator(**{"task_id": arguments["processing"], "tags": [batch], **arguments})


def _tagged(given: Mapping[str, Any], batch: str) -> dict[str, Any]:
    return {**given, "tags": [*listed(given.get("tags")), batch]}
