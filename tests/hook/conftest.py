"""A hook for a lake of the test's own, and a picture to upload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops import DatalakeHook, RetryPolicy
from datalake_ops.testing import PlatformServer

QUICK = RetryPolicy(attempts=4, first_delay=0.01, longest_delay=0.05)


@pytest.fixture
def hook(datalake_platform: PlatformServer) -> Iterator[DatalakeHook]:
    lake = datalake_platform.add_lake(f"hook-{uuid4().hex[:8]}")
    datalake_platform.clear_faults()
    with datalake_platform.hook(datalake_id=lake, retry=QUICK) as hook:
        yield hook
    # What a job of one test asks for and writes must not be met by another.
    datalake_platform.clear_faults()
    with datalake_platform.hook(datalake_id=lake) as own:
        for job in own.find_jobs():
            if not job.status.is_terminal:
                own.cancel_job(job)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "car.jpg"
    Image.new("RGB", (64, 48), "red").save(path)
    return path
