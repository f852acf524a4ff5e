"""A folder of any size goes into the lake in shards; what failed is tried once more, and only that.

`runner="dask"` or `runner="ray"` spreads the shards over machines, which then must all reach the folder.
"""

from __future__ import annotations

import os
from typing import Any

from prefect import flow

from prefect_tasks import ingest_folder, retry_failed_files


@flow
def ingest_large_folder(
    folder: str = os.environ.get("DATALAKE_FOLDER", "photographs"), checkpoints: str = "checkpoints"
) -> dict[str, Any]:
    """Upload in shards of 500 files; a tenth of the files may fail, and gets a second chance."""
    ingest_folder(folder, tags=["bulk"], source="archive", max_files=500, checkpoints=checkpoints, max_failed=0.1)
    return retry_failed_files("datalake", checkpoints, allow_failures=True)


if __name__ == "__main__":
    print(ingest_large_folder())
