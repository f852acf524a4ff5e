"""Import objects of the lake's bucket by name, each with metadata and tags of its own, however many there are.

The run's parameter `objects` is the address of a file with a JSON line for each object. One task is one job of at most
500 objects, so the list is parted first and the import mapped over the parts.
"""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider.operators.import_objects import ImportCloudObjectsOperator, PlanImportOperator


@dag(schedule=None, params={"objects": os.environ.get("DATALAKE_OBJECTS", "objects.jsonl")})
def import_objects():
    """Part the file, and start one job for each part."""
    plan = PlanImportOperator(task_id="plan", objects="{{ params.objects }}")
    ImportCloudObjectsOperator.partial(
        task_id="import_objects",
        tags=["incoming"],
        source="bucket",
        deferrable=True,
        map_index_template="{{ task.part['name'] }}",
    ).expand(part=plan.output)


import_objects()
