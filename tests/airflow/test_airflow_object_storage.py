"""Airflow's ObjectStoragePath: a source of uploads, and an address that tasks hand on with its connection."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import fsspec
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider.handoff.id_files import given_ids, given_rows, write_ids
from airflow_provider.handoff.storage import Storage
from airflow_provider.operators.import_objects import PlanImportOperator
from airflow_provider.operators.upload import UploadDataOperator
from datalake_ops.errors import ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sharding import plan_shards
from tests.airflow.versions import attach


class _Locked(MemoryFileSystem):
    """A storage that lets nobody in without its secret."""

    protocol = "locked"

    def __init__(self, secret: str | None = None, **options: Any) -> None:
        if secret is None:
            raise PermissionError("no credentials")
        super().__init__(secret=secret, **options)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of a storage that opens with Airflow's connection `keeper`."""
    fsspec.register_implementation("locked", _Locked, clobber=True)
    attach(protocol="locked", conn_id="keeper", fs=fsspec.filesystem("locked", secret="s3cr3t"))
    attach(protocol="memory", conn_id="keeper", fs=fsspec.filesystem("memory"))
    monkeypatch.setenv("AIRFLOW_CONN_KEEPER", '{"conn_type": "generic"}')
    return f"bucket-{uuid4().hex}"


def test_a_path_with_a_connection_is_handed_on_as_text(bucket: str) -> None:
    ids = [str(uuid4()), str(uuid4())]

    address = write_ids(ObjectStoragePath(f"memory://keeper@{bucket}/ids.txt"), ids, Storage())

    assert json.loads(json.dumps(address)) == address
    assert given_ids(address, Storage()) == ids
    assert given_ids(f"memory://{bucket}/ids.txt", Storage("keeper")) == ids


def test_what_stands_before_an_at_is_a_connection_only_when_airflow_has_it() -> None:
    name, folder = str(uuid4()), f"user@host-{uuid4().hex}"
    fsspec.filesystem("memory").pipe_file(f"/{folder}/ids.txt", name.encode())

    assert given_ids(f"memory://{folder}/ids.txt", Storage()) == [name]


def test_a_plan_of_imports_hands_the_connection_of_its_path_on(bucket: str, tmp_path: Path) -> None:
    path = ObjectStoragePath(f"memory://keeper@{bucket}/objects.txt")
    path.write_text("a.png\nb.png\n")
    (tmp_path / "objects.txt").write_text("c.png\n")

    [part] = PlanImportOperator(task_id="plan", objects=path).execute({})
    here = ObjectStoragePath(f"file://{tmp_path}/objects.txt")
    [local] = PlanImportOperator(task_id="plan", objects=here).execute({})

    assert part["storage_conn_id"] == "keeper"
    stored = given_rows(part["objects"], "object_name", Storage(part["storage_conn_id"]))
    assert [name for name, _ in stored] == ["a.png", "b.png"]
    assert [name for name, _ in given_rows(local["objects"], "object_name", Storage())] == ["c.png"]


def test_a_storage_for_the_ids_of_local_files_opens_with_its_connection(
    lake: DatalakeHook, an_image: Callable[[str], Path], bucket: str
) -> None:
    shard = {**plan_shards(str(an_image("a.png")), max_files=1)[0].to_json(), "storage_conn_id": "keeper"}
    ids_to, report = f"locked://{bucket}/ids.txt", f"locked://{bucket}/report.jsonl"
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}

    by_name = UploadDataOperator(
        task_id="t", filepaths=str(an_image("b.png")), storage_conn_id="keeper", ids_to=ids_to
    ).execute(context)
    by_shard = UploadDataOperator(task_id="t", shard=shard, report=report).execute(context)

    assert given_ids(ids_to, Storage("keeper")) == by_name["data_ids"]
    assert given_ids(report, Storage("keeper")) == by_shard["data_ids"]
    assert lake.count_data() == 2


def test_a_path_with_a_connection_is_read_by_ranges() -> None:
    fs = fsspec.filesystem("memory")
    attach(protocol="memory", conn_id="store", fs=fs)
    root, large = f"bucket-{uuid4().hex}", os.urandom(3_000_000)
    fs.pipe_file(f"/{root}/in/a.png", b"small")
    fs.pipe_file(f"/{root}/in/b.png", large)

    folder = ObjectStoragePath(f"memory://store@{root}/in")
    found = list(Entries(UploadRequest([folder, folder / "a.png"])))

    opened = [entry.content.open() for entry in found]
    assert [file.name for file in opened] == ["a.png", "b.png", "a.png"]
    assert opened[1].read(2_000_000, 3_000_000) == large[2_000_000:]
    assert opened[2].content == b"small"


def test_a_local_path_is_a_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"small")

    [entry] = Entries(UploadRequest(ObjectStoragePath(f"file://{tmp_path}")))

    assert entry.path == str(tmp_path / "a.png")


def test_a_path_without_its_file_system_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        Entries(UploadRequest([ObjectStoragePath("memory://nobody@bucket/a.png")]))
