"""The operator that attaches other renderings to data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider.handoff.id_files import given_rows
from airflow_provider.handoff.storage import Storage
from airflow_provider.lineage.record import LineageRecord
from airflow_provider.operators.abstract.asset_events import LineageOperator
from airflow_provider.operators.abstract.datalake import DatalakeOperator
from airflow_provider.operators.abstract.fields import (
    FILL,
    NUMBER,
    REQUIRED_NAME,
    TEXT,
    Field,
    mapping_or_address,
    option,
    whole,
)
from datalake_ops.errors import ConfigurationError, IncompleteUploadError, NoDataError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.upload.projection import ProjectionReport

# Enough in an error to see what is wrong; the log has all.
_NAMED = 5


class CreateProjectionOperator(LineageOperator, DatalakeOperator):
    """Attaches one more rendering (a projection) to many data; returns `projections`, `skipped` and `failed`, counts.

    A picture that fails stops no other.

    Example:
        >>> CreateProjectionOperator(
        ...     task_id="masks", name="mask", pictures="/data/{{ ds }}/masks.jsonl", max_failed=0.01
        ... )

    Args:
        name: The projection's name (templated).
        pictures: The path of a picture for each data by its id, or the address of a file with JSON lines that have
            `data_id` and `path` (templated).
        if_exists: "skip" data that have a projection of that name, so that a retry doubles nothing, or "upload" one
            more (templated).
        fill_metadata: Read EXIF into the projection's additional information, all that it tells with "full"
            (templated).
        max_workers: How many pictures travel at once; the connection's default without it (templated).
        max_failed: How many pictures may fail: a number, or a share below 1 like 0.01 (templated).
        storage_conn_id: The Airflow connection that opens the address (templated).
        kwargs: `datalake_conn_id`, see `DatalakeOperator`; lineage, see `LineageOperator`.

    Raises:
        ConfigurationError: A row lacks a field.
        NoDataError: There is no picture; see `on_empty`.
        IncompleteUploadError: More pictures failed than may; the log names each.
    """

    argument_fields = {
        "name": REQUIRED_NAME,
        "pictures": Field(mapping_or_address, is_required=True, is_json=True),
        "if_exists": option("skip", "upload"),
        "fill_metadata": FILL,
        "max_workers": whole(1),
        "max_failed": NUMBER,
        "storage_conn_id": TEXT,
    }

    def __init__(
        self,
        *,
        name: str,
        pictures: dict[str, str] | str,
        if_exists: str = "skip",
        fill_metadata: bool | str = False,
        max_workers: int | str | None = None,
        max_failed: float | str = 0,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.name = name
        self.pictures = pictures
        self.if_exists = if_exists
        self.fill_metadata: Any = fill_metadata
        self.max_workers: Any = max_workers
        self.max_failed: Any = max_failed
        self.storage_conn_id = storage_conn_id

    def empty_result(self) -> dict[str, int]:
        """Counts of 0."""
        return {"projections": 0, "skipped": 0, "failed": 0}

    def work(self, context: Context) -> dict[str, int]:
        """Attach the pictures, and tell of each that failed."""
        from datalake_ops.upload.reporting.rows import named_error

        with self.lake(context) as lake:
            done = lake.create_projections(
                self._pairs(),
                self.name,
                fill_metadata=self.fill_metadata,
                max_workers=self.max_workers,
                if_exists=self.if_exists,
            )
            uri = lake.lake_uri()
        if not done:
            raise NoDataError("There is no picture to attach: `pictures` is empty.")
        failed = [row for row in done if row.error is not None]
        for row in failed:
            self.log.error("A picture was not attached: %s", named_error(row.path, row.error))
        skipped = sum(row.skipped for row in done)
        counts = {"projections": len(done) - skipped - len(failed), "skipped": skipped, "failed": len(failed)}
        self.record_lineage(
            context, LineageRecord(uri, count=counts["projections"], facts={"projection": self.name, "counts": counts})
        )
        self._check(failed, len(done))
        return counts

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for data_id, said in given_rows(self.pictures, "data_id", Storage(self.storage_conn_id)):
            path = said.get("path") if isinstance(said, dict) else said
            if not path:
                raise ConfigurationError(f"There is no `path` of a picture for the data {data_id}.")
            yield data_id, str(path)

    def _check(self, failed: Sequence[ProjectionReport], count: int) -> None:
        from datalake_ops.upload.reporting.failure_policy import FailurePolicy
        from datalake_ops.upload.reporting.rows import named_error

        if FailurePolicy(max_failed=self.max_failed).refuses(len(failed), count):
            named = "; ".join(named_error(row.path, row.error) for row in failed[:_NAMED])
            raise IncompleteUploadError(f"{len(failed)} of {count} pictures were not attached: {named}")
