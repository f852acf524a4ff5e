"""Names and addresses for many files in one request, where the platform offers that."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload import engine
from datalake_ops.upload.transfer.presigner import Presigner
from tests.upload.pictures import a_large_tiff, a_picture

BATCH, NAME, SIGN = "presign_uploads", "generate_object_name", "generate_presigned_url"


def pictures(folder: Path, count: int) -> list[Path]:
    return [a_picture(folder / f"{number:03}.png", (10 + number, 20)) for number in range(count)]


def asked(server: PlatformServer) -> Counter[str]:
    """Number of requests by the last word of their path, of those that name or sign an object."""
    words = [request["path"].rpartition("/")[2] for request in server.requests()]
    return Counter(word for word in words if word in (BATCH, NAME, SIGN))


def sent_as_told(lake: DatalakeHook, paths: list[Path], folder: Path) -> bool:
    """True if each file's data has its name and its bytes."""
    held = {data.filename: data for data in lake.list_data()}
    copies = lake.download([held[path.name] for path in paths], folder)
    return len(held) == len(paths) and all(
        copy.read_bytes() == path.read_bytes() for path, copy in zip(paths, copies, strict=True)
    )


def test_files_are_named_and_signed_by_the_hundred(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    paths = pictures(tmp_path, 130)

    report = lake.upload(paths, upload_dir="some/dir")

    found = asked(datalake_platform)
    assert report.counts()["UPLOADED"] == 130
    assert set(found) == {BATCH}
    assert found[BATCH] <= 4
    assert all("/some/dir/" in f"/{data.object_name}" for data in lake.list_data())
    assert sent_as_told(lake, paths, tmp_path / "copies")


def test_a_single_file_and_a_large_one_ask_for_themselves(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    large = a_large_tiff(tmp_path / "large.tiff", megabytes=26)

    report = lake.upload([large, *pictures(tmp_path, 1)])

    assert report.counts()["UPLOADED"] == 2
    assert asked(datalake_platform) == {NAME: 2, SIGN: 1}


@pytest.mark.parametrize(
    "fault", [{"drop": True}, {"drop_before": True}, {"status": 503}, {"status": 429, "retry_after": 0}]
)
def test_a_fault_of_the_request_for_many_loses_and_doubles_nothing(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, fault: dict[str, Any]
) -> None:
    paths = pictures(tmp_path, 5)
    scripted = datalake_platform.script_fault("POST", f"{BATCH}$", count=2, **fault)

    report = lake.upload(paths)

    assert datalake_platform.faults_met(scripted) == 2
    assert report.counts()["UPLOADED"] == 5
    assert set(asked(datalake_platform)) == {BATCH}
    assert sent_as_told(lake, paths, tmp_path / "copies")


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_where_the_request_for_many_is_refused_each_file_asks_for_itself(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, status: int
) -> None:
    paths = pictures(tmp_path, 5)
    datalake_platform.script_fault("POST", f"{BATCH}$", status=status, count=100)

    report = lake.upload(paths)

    found = asked(datalake_platform)
    assert report.counts()["UPLOADED"] == 5
    assert (found[NAME], found[SIGN]) == (5, 5)
    assert sent_as_told(lake, paths, tmp_path / "copies")


def test_an_address_that_the_storage_refuses_is_signed_anew(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    paths, met = pictures(tmp_path, 10), 0

    # One refusal an upload: two at once may meet one file, which gets one new address and no more.
    for part in (paths[:5], paths[5:]):
        scripted = datalake_platform.script_fault("POST", "^/storage/", status=403, count=1)
        assert lake.upload(part).counts()["UPLOADED"] == 5
        met += datalake_platform.faults_met(scripted)

    assert met == 2
    assert asked(datalake_platform) == {BATCH: 2, SIGN: 2}
    assert sent_as_told(lake, paths, tmp_path / "copies")


def test_a_file_whose_new_address_is_refused_too_fails(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    scripted = datalake_platform.script_fault("POST", "^/storage/", status=403, count=2)

    report = lake.upload(pictures(tmp_path, 1))

    assert datalake_platform.faults_met(scripted) == 2
    assert (report.counts()["UPLOADED"], report.counts()["FAILED"]) == (0, 1)


def test_addresses_that_expire_soon_are_not_used(tmp_path: Path) -> None:
    with PlatformServer(arguments=["--link-seconds", "50"]) as server, server.hook() as hook:
        report = hook.upload(pictures(tmp_path, 3))

        found = asked(server)
    assert report.counts()["UPLOADED"] == 3
    assert (found[NAME], found[SIGN]) == (3, 3)


def test_files_with_names_of_their_content_take_the_platforms_names_from_the_same_request(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    paths = pictures(tmp_path, 5)

    report = lake.upload(paths, if_exists="skip")

    assert report.counts()["UPLOADED"] == 5
    assert asked(datalake_platform)[NAME] == 0
    assert sent_as_told(lake, paths, tmp_path / "copies")


def test_what_was_signed_for_files_that_are_not_sent_is_forgotten(
    lake: DatalakeHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Presigner] = []

    class Noted(Presigner):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(engine, "Presigner", Noted)
    paths = [tmp_path / name / "same.png" for name in "abcd"]
    for path in paths:
        a_picture(path, (10, 20))

    report = lake.upload(paths, if_exists="skip")

    assert report.counts()["SKIPPED"] == 3
    assert [presigner._signed for presigner in made] == [{}]
