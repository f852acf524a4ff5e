"""Two processings run at the same time, and an async flow waits for both without holding a thread for either."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from prefect import flow

from prefect_tasks import await_job, launch_processing


@flow
async def process_side_by_side(tag: str = os.environ.get("DATALAKE_TAG", "ingested")) -> list[dict[str, Any]]:
    """Launch both, then await both."""
    blurred = launch_processing("datalake", "quality-tagging", tags=[tag], parameters={"blur_threshold": 60})
    alike = launch_processing("datalake", "near-duplicates", tags=[tag])
    return list(await asyncio.gather(await_job("datalake", blurred), await_job("datalake", alike)))


if __name__ == "__main__":
    print(asyncio.run(process_side_by_side()))
