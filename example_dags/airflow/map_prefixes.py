"""Import many prefixes at once: one mapped task, and one job of the platform, for each of them.

The prefixes are a parameter of the run.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider.operators.import_bucket import ImportBucketOperator


@dag(schedule=None, params={"prefixes": ["monday/", "tuesday/"]})
def map_prefixes():
    """Import each prefix, all at the same time."""

    @task
    def prefixes(params: dict) -> list[str]:
        return params["prefixes"]

    ImportBucketOperator.partial(
        task_id="import_prefix", tags=["incoming"], deferrable=True, map_index_template="{{ task.prefixes }}"
    ).expand(prefixes=prefixes())


map_prefixes()
