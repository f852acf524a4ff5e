"""The operator that launches a processing on data of the lake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider.lineage.record import LineageRecord, as_names
from airflow_provider.operators.abstract.job import JobOperator
from airflow_provider.operators.abstract.selection import SelectionOperator
from datalake_ops.query import quote

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job

# How many data the link to them names: its address is to stay short.
_LINKED = 50
# Filters that query-language text can say; the others choose among what it finds.
_SAID = {"tags", "intersect_tags", "q", "order_by"}


class LaunchProcessingOperator(SelectionOperator, JobOperator):
    """Launches a processing on data of the lake; returns the id of the platform's job.

    The data are given by `data_ids` or by the filters of `list_data`.

    Example:
        >>> LaunchProcessingOperator(
        ...     task_id="quality", processing="quality-tagging", tags=["line-3"], parameters={"blur_threshold": 60}
        ... )

    Args:
        processing: Name or id of the processing (templated).
        data_ids: Ids of the data, or the address of a file with them, such as `upload.output["data_ids_file"]`
            (templated).
        parameters: Parameters of the processing; its own defaults without them (templated).
        cpu, gpu: How many of each; the processing's own defaults without them.
        inputs: Values of the processing's declared inputs, by name (templated).
        kwargs: Filters, see `SelectionOperator`; how to wait, see `JobOperator`.

    Raises:
        NoDataError: There is no data to work on.
        ConfigurationError: `data_ids` and filters were given, or neither.
    """

    template_fields: Sequence[str] = (
        "processing", "data_ids", "parameters", "inputs", *SelectionOperator.template_fields, "datalake_conn_id",
    )  # fmt: skip
    template_fields_renderers = {"parameters": "json", "inputs": "json"}

    def __init__(
        self,
        *,
        processing: str,
        data_ids: Any = None,
        parameters: dict[str, Any] | None = None,
        cpu: int | None = None,
        gpu: int | None = None,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.processing = processing
        self.data_ids = data_ids
        self.parameters = parameters
        self.cpu = cpu
        self.gpu = gpu
        self.inputs = inputs

    @property
    def data_text(self) -> str:
        """Query-language text that finds the data that were given: by filters that it can say, or by few ids."""
        if self.data_ids is None:
            return self.query_text if set(self.filters) <= _SAID else ""
        ids = self.data_ids if isinstance(self.data_ids, (list, tuple)) else ()
        return f"id in ({','.join(quote(str(one)) for one in ids)})" if 0 < len(ids) <= _LINKED else ""

    def submit(self, datalake: SharedHook, idempotency_key: str, labels: dict[str, str]) -> Job:
        """Find the data and launch."""
        return datalake.launch_processing(
            self.processing,
            self.chosen(datalake, self.data_ids),
            self.parameters,
            self.cpu,
            self.gpu,
            self.inputs,
            idempotency_key=idempotency_key,
            labels=labels,
        )

    def _outcome(self, datalake: SharedHook, job: Job) -> LineageRecord:
        record = super()._outcome(datalake, job)
        # "One of these tags" has no URI; a single one is that one.
        tags = as_names(self.tags) if self.intersect_tags or len(as_names(self.tags)) == 1 else ()
        read = record.lake.with_(tags, q=self.q)
        return replace(record, reads=(str(read),), facts={**record.facts, "processing": self.processing})
