"""One platform for the session, a lake of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.job_lab import Lab, program_arguments
from tests.platform.lakes import LakeApi


@pytest.fixture
def lake(datalake_platform: PlatformServer) -> LakeApi:
    """A fresh lake of the default organization."""
    return LakeApi(datalake_platform, lake_id=datalake_platform.add_lake(f"lake-{uuid4().hex[:12]}"))


@pytest.fixture(scope="session")
def stranger(datalake_platform: PlatformServer) -> LakeApi:
    """Another organization, with its own token."""
    made = datalake_platform.add_organization(f"other-{uuid4().hex[:12]}")
    return LakeApi(datalake_platform, token=made["token"])


@pytest.fixture(scope="session")
def job_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformServer]:
    """A platform with two processors that runs a scripted program as its processing."""
    with PlatformServer(arguments=program_arguments(tmp_path_factory.mktemp("program"))) as running:
        yield running


@pytest.fixture
def lab(job_server: PlatformServer) -> Lab:
    """The means to launch that program."""
    return Lab(job_server)
