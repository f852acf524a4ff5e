"""What OpenLineage's own provider makes of our operators and assets."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from openlineage.client.serde import Serde

from airflow_provider.lineage.assets import datalake_asset
from airflow_provider.lineage.record import LineageRecord
from airflow_provider.operators.upload import UploadDataOperator
from datalake_ops.lineage import LakeUri

LAKE = LakeUri("app.picsellia.com", "acme", "photos")
JOB = {"id": "0b9b", "url": "https://app.picsellia.com/jobs/0b9b", "status": "SUCCEEDED"}


class Context(dict[str, Any]):
    """Stands in for the context of a run that only takes events down."""


def an_operator(told: LineageRecord) -> UploadDataOperator:
    operator = UploadDataOperator(task_id="upload", filepaths="photos", asset_events=False)
    operator.record_lineage(Context(), told)
    return operator


def as_json(lineage: Any) -> dict[str, Any]:
    facets = {name: Serde.to_dict(facet) for name, facet in lineage.run_facets.items()}
    datasets = {name: [Serde.to_dict(one) for one in getattr(lineage, name)] for name in ("inputs", "outputs")}
    return {**datasets, "run_facets": facets}


def test_the_lake_its_tags_and_its_source_are_outputs_and_only_the_lake_is_counted() -> None:
    told = LineageRecord(
        LAKE,
        ("raw",),
        "camera",
        3,
        ("/mnt/photos", "s3://key:secret@bucket/night/?X-Signature=secret"),
        {"bytes": 1200},
    )

    found = as_json(DefaultExtractor(an_operator(told)).extract_on_complete(None))

    assert [(one["namespace"], one["name"]) for one in found["inputs"]] == [
        ("file", "/mnt/photos"),
        ("s3://bucket", "night/"),
    ]
    assert [(one["namespace"], one["name"]) for one in found["outputs"]] == [
        ("datalake://app.picsellia.com", "acme/photos"),
        ("datalake://app.picsellia.com", "acme/photos?tags=raw"),
        ("datalake://app.picsellia.com", "acme/photos?source=camera"),
    ]
    statistics = found["outputs"][0]["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (3, 1200)
    assert all("outputStatistics" not in one.get("outputFacets", {}) for one in found["outputs"][1:])


@pytest.mark.parametrize("end", ["extract_on_complete", "extract_on_failure"])
def test_the_platforms_job_is_the_runs_external_query(end: str) -> None:
    lineage = getattr(DefaultExtractor(an_operator(LineageRecord(LAKE, facts={"job": JOB}))), end)(None)

    query = as_json(lineage)["run_facets"]["externalQuery"]
    assert (query["externalQueryId"], query["source"]) == ("0b9b", "datalake://app.picsellia.com")


def test_a_lake_that_was_read_is_an_input() -> None:
    read = str(LAKE.with_(q="width > 1000"))

    found = as_json(DefaultExtractor(an_operator(LineageRecord(LAKE, reads=(read,)))).extract_on_complete(None))

    assert [(one["namespace"], one["name"]) for one in found["inputs"]] == [
        ("datalake://app.picsellia.com", "acme/photos?q=width+%3E+1000")
    ]


def test_a_task_that_ended_before_it_did_anything_tells_nothing() -> None:
    operator = UploadDataOperator(task_id="upload", filepaths="photos")

    lineage = DefaultExtractor(operator).extract_on_failure(None)

    assert lineage is None or (lineage.inputs, lineage.outputs) == ([], [])


def test_openlineage_knows_an_asset_by_the_platform_and_the_name_of_the_lake() -> None:
    asset = datalake_asset("photos", "acme", "app.picsellia.com", tags="raw")

    dataset = translate_airflow_asset(asset, lineage_context=None)

    assert dataset is not None
    assert (dataset.namespace, dataset.name) == ("datalake://app.picsellia.com", "acme/photos?tags=raw")
