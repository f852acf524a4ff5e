"""The operator that launches a processing on data of the lake."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider.lineage.record import LineageRecord, as_names
from airflow_provider.operators.abstract.fields import MAPPING, REQUIRED_NAME, whole
from airflow_provider.operators.abstract.job import JobOperator
from airflow_provider.operators.abstract.selection import DataChoiceOperator
from datalake_ops.query import quote

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job

# How many data the link to them names: its address is to stay short.
_LINKED = 50
# Filters that query-language text can say; the others choose among what it finds.
_SAID = {"tags", "intersect_tags", "q", "order_by"}


class LaunchProcessingOperator(DataChoiceOperator, JobOperator):
    """Launches a processing on data of the lake; returns the id of the platform's job.

    The data are given by `data_ids` or by the filters of `list_data`.

    Example:
        >>> LaunchProcessingOperator(
        ...     task_id="quality", processing="quality-tagging", tags=["line-3"], parameters={"blur_threshold": 60}
        ... )

    Args:
        processing: Name or id of the processing (templated).
        parameters: Parameters of the processing; its own defaults without them (templated).
        cpu, gpu: How many of each; the processing's own defaults without them (templated).
        inputs: Values of the processing's declared inputs, by name (templated).
        kwargs: `data_ids`, filters or `everything`, see `DataChoiceOperator`; the wait and the job, see `JobOperator`.

    Raises:
        NoDataError: There is no data to work on.
        ConfigurationError: `data_ids` and filters were given, or neither.
    """

    argument_fields = {
        "processing": REQUIRED_NAME,
        "parameters": MAPPING,
        "cpu": whole(0),
        "gpu": whole(0),
        "inputs": MAPPING,
    }

    def __init__(
        self,
        *,
        processing: str,
        parameters: dict[str, Any] | str | None = None,
        cpu: int | str | None = None,
        gpu: int | str | None = None,
        inputs: dict[str, Any] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.processing = processing
        self.parameters: Any = parameters
        self.cpu: Any = cpu
        self.gpu: Any = gpu
        self.inputs: Any = inputs

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
            self.chosen(datalake),
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
