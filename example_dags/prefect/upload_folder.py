"""A folder goes into the lake with EXIF, tags and a source; a report tells what became of each file."""

from __future__ import annotations

import os
from typing import Any

from prefect import flow

from prefect_tasks import upload_data


@flow
def upload_folder(
    folder: str = os.environ.get("DATALAKE_FOLDER", "photographs"), report: str = "report.jsonl"
) -> dict[str, Any]:
    """Upload; one file that is broken does not fail the run."""
    return upload_data(
        "datalake",
        folder,
        tags=["line-3"],
        source="camera",
        custom_metadata={"shift": "night"},
        fill_metadata=True,
        report=report,
        allow_failures=True,
    )


if __name__ == "__main__":
    print(upload_folder())
