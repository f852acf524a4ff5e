"""A function of one's own that works in the lake: `@task.datalake` gives it the hook, with every verb there is."""

from __future__ import annotations

from airflow.sdk import dag, task


@dag(schedule=None, params={"tag": "demo"})
def use_the_hook():
    """Find, name and count data in functions; a result of the hook goes to the next task as it is."""

    @task.datalake
    def newest(lake, params: dict) -> dict:
        return lake.list_data(tags=params["tag"], order_by=["-created_at"], limit=1)[0]

    @task.datalake(retries=2)
    def mark(data: dict, lake, tag: str) -> dict:
        lake.add_tags(data["id"], lake.get_or_create_data_tag(tag))
        return {tag.name: lake.count_data(tags=tag) for tag in lake.list_data_tags()}

    @task.datalake
    def count(tag: str, lake) -> int:
        return lake.count_data(tags=tag)

    mark(newest(), tag="newest") >> count.expand(tag=["demo", "newest"])


use_the_hook()
