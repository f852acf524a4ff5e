"""Conversion of a lineage record to OpenLineage; imported only when OpenLineage asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import InputDataset, OutputDataset, RunFacet
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider.lineage.record import LineageRecord
    from datalake_ops.lineage import LakeUri

# More places than this are a list of files, and no reader of a graph wants each as a node.
_PLACES = 20


def operator_lineage(record: LineageRecord) -> OperatorLineage[Any, Any]:
    """Datasets that were read and written, how much, and the platform's job as the run's external query."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    # The statistics are the lake's alone: the same data counted again under each tag would add up to too many.
    outputs = [_output(uri, record if uri == record.lake else None) for uri in record.written()]
    return OperatorLineage(
        inputs=[_input(place) for place in record.reads[:_PLACES]], outputs=outputs, run_facets=_run(record)
    )


def _output(uri: LakeUri, record: LineageRecord | None) -> OutputDataset:
    from airflow.providers.common.compat.openlineage.facet import OutputDataset, OutputStatisticsOutputDatasetFacet

    if record is None or record.count is None:
        return OutputDataset(namespace=uri.namespace, name=uri.name)
    statistics = OutputStatisticsOutputDatasetFacet(rowCount=record.count, size=record.facts.get("bytes"))
    return OutputDataset(uri.namespace, uri.name, outputFacets={"outputStatistics": statistics})


def _input(place: str) -> InputDataset:
    """Dataset of a place that data came from: a lake, a bucket, or a folder of the worker."""
    from airflow.providers.common.compat.openlineage.facet import InputDataset

    from datalake_ops.lineage import SCHEME, LakeUri

    parts = urlsplit(place)
    if parts.scheme == SCHEME:
        lake = LakeUri.parse(place)
        return InputDataset(namespace=lake.namespace, name=lake.name)
    if not parts.scheme:
        return InputDataset(namespace="file", name=place)
    # An address may hold a credential: as user, or as parameters of a signed one.
    host = parts.netloc.rpartition("@")[2]
    return InputDataset(namespace=f"{parts.scheme}://{host}", name=parts.path.lstrip("/") or "/")


def _run(record: LineageRecord) -> dict[str, RunFacet]:
    from airflow.providers.common.compat.openlineage.facet import ExternalQueryRunFacet

    job = record.facts.get("job")
    if not job:
        return {}
    return {"externalQuery": ExternalQueryRunFacet(externalQueryId=job["id"], source=record.lake.namespace)}
