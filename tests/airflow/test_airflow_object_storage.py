"""Airflow's ObjectStoragePath is a source of uploads as it is."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.entries import entries
from datalake_ops.upload.request import UploadRequest
from tests.airflow.versions import attach


def test_a_path_with_a_connection_is_read_by_ranges() -> None:
    fs = fsspec.filesystem("memory")
    attach(protocol="memory", conn_id="store", fs=fs)
    root, large = f"bucket-{uuid4().hex}", os.urandom(3_000_000)
    fs.pipe_file(f"/{root}/in/a.png", b"small")
    fs.pipe_file(f"/{root}/in/b.png", large)

    folder = ObjectStoragePath(f"memory://store@{root}/in")
    found = list(entries(UploadRequest([folder, folder / "a.png"])))

    opened = [entry.content.open() for entry in found]
    assert [file.name for file in opened] == ["a.png", "b.png", "a.png"]
    assert opened[1].read(2_000_000, 3_000_000) == large[2_000_000:]
    assert opened[2].content == b"small"


def test_a_local_path_is_a_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"small")

    [entry] = entries(UploadRequest(ObjectStoragePath(f"file://{tmp_path}")))

    assert entry.path == str(tmp_path / "a.png")


def test_a_path_without_its_file_system_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        entries(UploadRequest([ObjectStoragePath("memory://nobody@bucket/a.png")]))
