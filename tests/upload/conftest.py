"""A lake of its own for every test, on the session's platform."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest

from datalake_ops.config import RetryPolicy
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.lakes import Extension
from tests.upload.witness import Witness

NAMES = ["a.png", "b/c.jpg", "b/d/e.jpg", "notes.txt", ".hidden/x.png", "thumbs/t.png", "z.mp4"]
NOBODY = 65534
# Scripted faults end soon, so there is no need to wait long for them.
IMPATIENT = RetryPolicy(attempts=4, first_delay=0.01, longest_delay=0.05)


@pytest.fixture
def lake(datalake_platform: PlatformServer) -> Iterator[DatalakeHook]:
    name = f"upload-{uuid4().hex[:8]}"
    with datalake_platform.hook(datalake_id=datalake_platform.add_lake(name), retry=IMPATIENT) as hook:
        # The context is looked up now, so that a test's journal and faults see the upload alone.
        assert hook.context.datalake.name == name
        datalake_platform.clear_requests()
        yield hook
    datalake_platform.clear_faults()


@pytest.fixture
def one_by_one(datalake_platform: PlatformServer) -> Iterator[None]:
    """Lets the platform name and sign objects one by one, as the hosted one does; to be used before `lake`."""
    datalake_platform.withhold(Extension.PRESIGNED_BATCH)
    yield
    datalake_platform.withhold()


@pytest.fixture
def half_closed() -> Iterator[Path]:
    """A picture beside a folder that cannot be listed, seen as somebody who is not root: root may list everything."""
    folder = Path(tempfile.mkdtemp(prefix="datalake-ops-"))
    (folder / "a.png").write_bytes(b"a")
    (folder / "closed").mkdir()
    (folder / "closed").chmod(0)
    folder.chmod(0o755)
    caller = os.geteuid()
    if caller == 0:
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(caller)
        (folder / "closed").chmod(0o755)
        shutil.rmtree(folder)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"x" * 10)
    return tmp_path


@pytest.fixture
def memory() -> Iterator[str]:
    fsspec = import_module("fsspec")
    root = f"/{uuid4().hex}"
    fs = fsspec.filesystem("memory")
    for name in NAMES:
        fs.pipe_file(f"{root}/{name}", b"x" * 10)
    yield f"memory:/{root}"
    fs.rm(root, recursive=True)


@pytest.fixture
def witness() -> Iterator[Witness]:
    """A storage and a platform that remember each request."""
    with Witness() as server:
        yield server
