"""The operator that imports objects of the lake's bucket by their prefixes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider.lineage.record import LineageRecord, as_names
from airflow_provider.operators.abstract.fields import FILL, NAME, TEXTS, Field, option
from airflow_provider.operators.abstract.job import JobOperator
from datalake_ops import arguments
from datalake_ops.query import tags_query

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job


# A prefix of no characters is the whole bucket.
_PREFIXES = Field(partial(arguments.texts, allow_blank=True), is_required=True, whole=[""], is_text=True)


class ImportBucketOperator(JobOperator):
    """Imports objects of the lake's bucket as data; returns the id of the platform's job.

    Example:
        >>> ImportBucketOperator(
        ...     task_id="import_bucket", prefixes="incoming/{{ ds }}/", tags=["incoming"], deferrable=True
        ... )

    Args:
        prefixes: Import the objects whose names begin with one of these; `[""]` is the whole bucket where the DAG file
            has it, and a value that came out empty elsewhere (templated).
        tags: Names of tags to give to the data; created when missing (templated).
        source: Name of the data source to note; created when missing (templated).
        fill_metadata: "full" reads place, true moment and camera from EXIF too (templated).
        on_changed: What to do with an object that was overwritten in the bucket since its import: "skip" it, which is
            counted and warned of, "update" its data, or import it as "new" data (templated).
        kwargs: See `JobOperator`.
    """

    argument_fields = {
        "prefixes": _PREFIXES,
        "tags": TEXTS,
        "source": NAME,
        "fill_metadata": FILL,
        "on_changed": option("skip", "update", "new"),
    }

    def __init__(
        self,
        *,
        prefixes: str | list[str],
        tags: str | list[str] | None = None,
        source: str | None = None,
        fill_metadata: bool | str = True,
        on_changed: str = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prefixes: Any = prefixes
        self.tags: Any = tags
        self.source = source
        self.fill_metadata: Any = fill_metadata
        self.on_changed = on_changed

    @property
    def query_text(self) -> str:
        """Query-language text that finds data with the tags of this import."""
        return tags_query(as_names(self.tags), intersect=True)

    def submit(self, datalake: SharedHook, idempotency_key: str, labels: dict[str, str]) -> Job:
        """Start the import."""
        return datalake.import_bucket_objects(
            self.prefixes,
            tags=self.tags,
            source=self.source,
            fill_metadata=self.fill_metadata,
            on_changed=self.on_changed,
            idempotency_key=idempotency_key,
            labels=labels,
        )

    def _outcome(self, datalake: SharedHook, job: Job) -> LineageRecord:
        record = super()._outcome(datalake, job)
        return replace(record, tags=as_names(self.tags), source=self.source, count=(job.counts or {}).get("imported"))
