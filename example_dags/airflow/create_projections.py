"""Download images, make another picture of each, and attach it to its data as a projection.

The run's parameter `folder` is a folder that the workers share.
"""

from __future__ import annotations

import json
from pathlib import Path

from airflow.sdk import dag, task

from airflow_provider.operators.download import DownloadDataOperator
from airflow_provider.operators.projection import CreateProjectionOperator


@dag(schedule=None, params={"folder": "work", "tag": "demo"})
def create_projections():
    """Grey pictures of all data of a tag."""
    download = DownloadDataOperator(
        task_id="download",
        tags=["{{ params.tag }}"],
        directory="{{ params.folder }}",
        files_to="{{ params.folder }}/files.jsonl",
    )

    @task
    def grey(files: str) -> str:
        from PIL import Image

        pictures = Path(files).with_name("grey.jsonl")
        with Path(files).open() as rows, pictures.open("w") as out:
            for row in map(json.loads, rows):
                path = Path(row["path"]).with_suffix(".grey.png")
                with Image.open(row["path"]) as image:
                    image.convert("L").save(path)
                out.write(json.dumps({"data_id": row["data_id"], "path": str(path)}) + "\n")
        return str(pictures)

    CreateProjectionOperator(task_id="attach", name="grey", pictures=grey(download.output["files_file"]))


create_projections()
