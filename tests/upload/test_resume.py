"""A large file whose upload was killed goes on from the parts that the storage has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.dedup.resume import usable_parts
from datalake_ops.upload.reporting.report import FileStatus
from datalake_ops.upload.sources.file_parts import file_parts
from datalake_ops.wire.uploads import PART_BYTES, StoredPart
from tests.upload.conftest import IMPATIENT
from tests.upload.pictures import a_large_tiff
from tests.upload.witness import Answer, Request, Witness
from tests.upload.worker import Job, Worker

STORAGE = "^/storage/"
SIGNED = "generate_part_presigned_url$"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that travels in four parts."""
    return a_large_tiff(tmp_path_factory.mktemp("large") / "large.tiff", megabytes=80)


def sent_parts(server: PlatformServer) -> list[int]:
    return [one["body"]["part_no"] for one in server.requests() if one["path"].endswith("generate_part_presigned_url")]


def killed_midway(lake: DatalakeHook, server: PlatformServer, path: Path, journal: str) -> list[int]:
    """Kill an upload while its later parts wait at the storage; returns the parts that the storage has."""
    held = server.script_fault("PUT", STORAGE, delay=60, after=2, count=10)
    connection = replace(lake.connection, datalake_id=lake.context.datalake.id)
    worker = Worker(Job(connection, [path], {"journal": journal, "max_workers": 1}, path.with_suffix(".json")))
    while server.faults_met(held) < 1 or len(stored_parts(server)) < 2:
        assert worker.runs
    worker.kill()
    server.clear_faults()
    there = stored_parts(server)
    server.clear_requests()
    return there


def stored_parts(server: PlatformServer) -> list[int]:
    # The lake is the only one with an upload in parts under way.
    return sorted(int(path.name[:5]) for path in (server.home / "objects" / "uploads").glob("*/*-*"))


@pytest.fixture
def journal(tmp_path: Path) -> str:
    return str(tmp_path / "journal.db")


@pytest.fixture(scope="module")
def server() -> Iterator[PlatformServer]:
    with PlatformServer() as one:
        yield one
        # It would wait for the requests that are held.
        one.kill()


def test_only_the_missing_parts_are_sent_again(server: PlatformServer, large: Path, journal: str) -> None:
    with server.hook(retry=IMPATIENT) as lake:
        there = killed_midway(lake, server, large, journal)

        [row] = lake.upload(large, journal=journal).files
        [copy] = lake.download(row.data, Path(journal).parent)

        assert len(there) == 2
        assert sorted(sent_parts(server)) == [part for part in (1, 2, 3, 4) if part not in there]
        assert [one["path"] for one in server.requests() if one["path"].endswith("init_multipart_upload")] == []
        assert row.status is FileStatus.UPLOADED
        assert digest(copy) == digest(large)
        assert lake.count_data() == 1


def test_parts_that_are_gone_are_sent_again(server: PlatformServer, large: Path, journal: str, tmp_path: Path) -> None:
    with server.hook(retry=IMPATIENT, datalake_id=server.add_lake("gone")) as lake:
        killed_midway(lake, server, large, journal)
        for part in (server.home / "objects" / "uploads").glob("*/upload.json"):
            part.unlink()

        [row] = lake.upload(large, journal=journal).files

        assert row.status is FileStatus.UPLOADED
        assert sorted(sent_parts(server)) == [1, 2, 3, 4]
        assert lake.count_data() == 1


@pytest.mark.parametrize("fault", [{"drop": True}, {"drop_before": True}, {"status": 503}], ids=str)
def test_a_fault_while_the_parts_are_listed_costs_none_of_them(
    server: PlatformServer, large: Path, journal: str, fault: dict[str, Any]
) -> None:
    with server.hook(retry=IMPATIENT, datalake_id=server.add_lake(f"listing-{fault}")) as lake:
        there = killed_midway(lake, server, large, journal)
        scripted = server.script_fault("POST", "/list_parts$", **fault)

        [row] = lake.upload(large, journal=journal).files

        assert server.faults_met(scripted) == 1
        assert row.status is FileStatus.UPLOADED
        assert sorted(sent_parts(server)) == [part for part in (1, 2, 3, 4) if part not in there]


class Parts:
    """A storage that takes parts and lists none, as those behind the public wire."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.broken = True
        self.gone = False

    def __call__(self, request: Request) -> Answer | None:
        if request.path.endswith("generate_part_presigned_url") and self.gone:
            self.gone = False
            return Answer(404, {"message": "no such upload"})
        if self.broken and request.path == "/part/3":
            return Answer(400, b"<Message>no</Message>")
        if request.path.endswith("/datas/find"):
            return Answer(404, {"message": "none"})
        return None


@pytest.mark.parametrize("gone", [False, True], ids=["there", "expired"])
def test_without_a_list_of_parts_the_journal_knows_them(tmp_path: Path, gone: bool) -> None:
    path = a_large_tiff(tmp_path / "large.tiff", megabytes=80)
    options: dict[str, Any] = {"journal": tmp_path / "journal.db", "max_workers": 1}
    with Witness(multipart={"client_type": "aws", "upload_id": "u"}) as witness:
        script = Parts(witness)
        witness.script = script
        with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
            first = hook.upload(path, **options)
            before = {request.path for request in witness.seen("PUT", "^/part/")}
            script.broken, script.gone = False, gone
            witness.requests.clear()
            second = hook.upload(path, **options)

        assert first.files[0].status is FileStatus.FAILED
        assert second.files[0].status is FileStatus.UPLOADED
        again = {request.path for request in witness.seen("PUT", "^/part/")}
        assert before | again == {f"/part/{number}" for number in (1, 2, 3, 4)}
        [end] = witness.seen("POST", "complete_part_upload$")
        assert [part["ETag"] for part in end.json["parts"]] == [f'"etag-{number}"' for number in (1, 2, 3, 4)]
        if not gone:
            assert "/part/1" not in again
            assert witness.seen("POST", "init_multipart_upload$") == []


@given(st.integers(1, 5 * PART_BYTES), st.data())
def test_stored_parts_count_only_where_they_fit_the_plan(size: int, data: st.DataObject) -> None:
    planned = file_parts(size)
    stored = [
        StoredPart(ETag=f"e{part.number}", PartNumber=part.number, Size=part.size + data.draw(st.integers(0, 1)))
        for part in planned
        if data.draw(st.booleans())
    ]

    kept = usable_parts([*stored, StoredPart(ETag="x", PartNumber=len(planned) + 1, Size=1)], size)

    assert kept == {one.PartNumber: one.ETag for one in stored if one.Size == planned[one.PartNumber - 1].size}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
