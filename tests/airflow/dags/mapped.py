"""A DAG whose operators are mapped over values that are nothing."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

from airflow_provider.operators.data import ListDataOperator
from airflow_provider.operators.import_bucket import ImportBucketOperator
from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.operators.tags import TagDataOperator

NOTHING: list[Any] = [None, "None", "", [], [""], [None]]


@dag(schedule=None)
def mapped_nothing():
    @task
    def values() -> list[Any]:
        return NOTHING

    @task
    def arguments() -> list[dict[str, Any]]:
        return [{"filenames": value} for value in NOTHING]

    given = values()
    TagDataOperator.partial(task_id="tag", add="touched").expand(filenames=given)
    TagDataOperator.partial(task_id="tag_kwargs", add="touched").expand_kwargs(arguments())
    TagDataOperator.partial(task_id="tag_literal", add="touched").expand(tags=["", []])
    ListDataOperator.partial(task_id="list").expand(tags=given)
    LaunchProcessingOperator.partial(task_id="launch", processing="slow").expand(data_ids=given)
    ImportBucketOperator.partial(task_id="import").expand(prefixes=given)


mapped_nothing()
