"""DAGs whose tasks tell Airflow what they did to the lake."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import Asset, AssetAlias, dag, task

from airflow_provider.lineage.assets import datalake_asset
from airflow_provider.operators.import_bucket import ImportBucketOperator
from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.operators.tags import TagDataOperator
from airflow_provider.operators.upload import UploadDataOperator

PARAMS = {"folder": "photos"}
UPLOAD = {"task_id": "upload", "filepaths": "{{ params.folder }}", "tags": ["raw", "night"], "source": "camera"}
DECLARED = datalake_asset("declared", "acme", "platform.example", tags="raw", name="raw-photos")
OTHER = Asset("another-asset")


@dag(schedule=None, params=PARAMS)
def tells_undeclared():
    UploadDataOperator(**UPLOAD)


@dag(schedule=None, params=PARAMS)
def tells_declared():
    UploadDataOperator(**UPLOAD, outlets=[DECLARED, OTHER], asset_partitions="{{ run_id }}-part")


@dag(schedule=None, params=PARAMS)
def tells_declared_without_partitions():
    UploadDataOperator(**UPLOAD, outlets=[DECLARED])


@dag(schedule=None, params=PARAMS)
def tells_through_an_alias():
    UploadDataOperator(**UPLOAD, outlets=[AssetAlias("an-alias")])


@dag(schedule=None, params=PARAMS)
def tells_nothing():
    UploadDataOperator(**UPLOAD, asset_events=False)


@dag(schedule=None, params=PARAMS)
def tells_mapped():
    @task
    def folders(params: dict) -> list[str]:
        return [params["folder"]]

    UploadDataOperator.partial(task_id="upload", tags=["raw"]).expand(filepaths=folders())


@dag(schedule=None, params=PARAMS)
def tells_of_tags():
    TagDataOperator(task_id="tag", tags=["demo"], add=["checked"], remove=["demo"])


@dag(schedule=None, params={"prefix": "incoming/"})
def tells_of_imports():
    ImportBucketOperator(task_id="import", prefixes="{{ params.prefix }}", tags=["raw"], source="bucket")


@dag(schedule=None, params={"processing": "quick"})
def tells_of_processings():
    launch = {"processing": "{{ params.processing }}", "tags": ["demo"]}
    LaunchProcessingOperator(task_id="blocking", **launch, deferrable=False)
    LaunchProcessingOperator(task_id="deferred", **launch, deferrable=True)
    LaunchProcessingOperator(task_id="launched", **launch, wait_for_completion=False)


# Airflow registers only assets that somebody schedules on or declares.
@dag(schedule=[DECLARED], start_date=datetime(2026, 1, 1))
def scheduled_on_declared():
    @task
    def look() -> None: ...

    look()


tells_undeclared()
tells_declared()
tells_declared_without_partitions()
tells_through_an_alias()
tells_nothing()
tells_mapped()
tells_of_tags()
tells_of_imports()
tells_of_processings()
scheduled_on_declared()
