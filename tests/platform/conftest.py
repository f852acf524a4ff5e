"""One platform for the session, a lake of its own for each test."""

from __future__ import annotations

from uuid import uuid4

import pytest

from datalake_ops.testing import PlatformServer
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
