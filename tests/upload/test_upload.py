from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.errors import (
    ConfigurationError,
    ErrorManager,
    InvalidFileError,
    NothingDoneError,
    UnprocessableDataError,
    UploadError,
)
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.progress import Progress
from datalake_ops.upload.reporting.report import FileStatus
from datalake_ops.wire.data import Data, MultiData, UploadStatus
from datalake_ops.wire.uploads import PART_BYTES
from tests.upload.conftest import IMPATIENT
from tests.upload.pictures import a_large_tiff, a_picture, a_text_named_jpg, a_truncated_jpeg
from tests.upload.witness import Request, Witness

REGISTRATION = "/datas$"
STORAGE = "^/storage/"


def pictures(folder: Path, count: int) -> list[Path]:
    return [a_picture(folder / f"{number:03}.png", (10 + number, 20)) for number in range(count)]


def statuses(rows: Any) -> list[str]:
    return [str(row.status) for row in rows]


def test_files_become_data_in_input_order(lake: DatalakeHook, tmp_path: Path) -> None:
    paths = list(reversed(pictures(tmp_path, 40)))

    report = lake.upload(paths, tags=["line 3", "day"], source="camera", max_workers=16)

    assert [row.path for row in report.files] == [str(path) for path in paths]
    assert report.counts()["UPLOADED"] == 40
    assert [(one.filename, one.width, one.height) for one in report.data] == [
        (path.name, 10 + int(path.stem), 20) for path in paths
    ]
    assert report.bytes == sum(path.stat().st_size for path in paths)
    assert all(row.attempts == 1 and row.seconds > 0 for row in report.files)
    kept = lake.get_data(report.data[7].id)
    assert sorted(tag.name for tag in kept.tags or ()) == ["day", "line 3"]
    assert kept.data_source is not None
    assert kept.data_source.name == "camera"


def test_one_file_gives_a_data_and_several_a_multi_data(lake: DatalakeHook, tmp_path: Path) -> None:
    one, *others = pictures(tmp_path, 3)

    assert isinstance(lake.upload_data(str(one)), Data)
    assert isinstance(lake.upload_data(others), MultiData)


@pytest.mark.usefixtures("one_by_one")
def test_each_file_takes_three_requests_to_the_platform(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    lake.upload(pictures(tmp_path, 5))

    paths = [request["path"] for request in datalake_platform.requests()]
    api = [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", path) for path in paths if path.startswith("/api/")]
    assert sorted(api) == sorted(
        [
            "/api/organization/*/connector/*/generate_object_name",
            "/api/object-storage/*/generate_presigned_url",
            "/api/datalake/*/datas",
        ]
        * 5
    )


def test_metadata_sizes_and_exif_reach_the_data(lake: DatalakeHook, tmp_path: Path) -> None:
    first = a_picture(tmp_path / "a.jpg", exif={0x010F: "Acme", 0x0131: "cam", 0x0112: 6})
    second = a_picture(tmp_path / "b.jpg")

    report = lake.upload(
        [first, second],
        metadata=[{"software": "mine"}, {"altitude": 2.5, "weather": None}],
        custom_metadata={"k": [1, None]},
        fill_metadata=True,
    )

    assert [dict(one.metadata or {}) for one in report.data] == [
        {"software": "mine", "manufacturer": "Acme"},
        {"altitude": 2.5},
    ]
    assert [one.custom_metadata for one in report.data] == [{"k": [1, None]}] * 2
    assert [(one.width, one.height) for one in report.data] == [(30, 40), (40, 30)]


def test_each_bad_file_costs_only_its_own_row(lake: DatalakeHook, tmp_path: Path) -> None:
    good, last = pictures(tmp_path, 2)
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    paths = [
        good,
        tmp_path / "missing.png",
        tmp_path / "empty.png",
        tmp_path / "folder",
        a_text_named_jpg(tmp_path / "text.jpg"),
        a_truncated_jpeg(tmp_path / "cut.jpg"),
        last,
    ]
    errors = ErrorManager()

    report = lake.upload(paths)
    data = lake.upload_data(paths, error_manager=errors)

    assert statuses(report.files) == [
        "UPLOADED",
        "FAILED",
        "FAILED",
        "FAILED",
        "UNPROCESSABLE",
        "UNPROCESSABLE",
        "UPLOADED",
    ]
    assert [type(row.error) for row in report.failed] == [InvalidFileError] * 3 + [UnprocessableDataError] * 2
    assert [row.attempts for row in report.files] == [1, 0, 0, 0, 1, 1, 1]
    assert isinstance(data, MultiData)
    assert [one.filename for one in data] == [good.name, last.name]
    assert [error.path for error in errors.errors] == [str(path) for path in paths[1:6]]
    assert lake.count_data() == 2 * 4


def test_nothing_uploaded_raises_with_every_error(lake: DatalakeHook, tmp_path: Path) -> None:
    with pytest.raises(NothingDoneError) as caught:
        lake.upload_data([tmp_path / "a.png", a_text_named_jpg(tmp_path / "text.jpg")])

    assert [type(error) for error in caught.value.errors] == [InvalidFileError, UnprocessableDataError]


@pytest.mark.parametrize(
    "name", ["with space.png", "quo'te\".png", "été 日本 🚗.png", "percent%2F.png", "-dash;semi.png", "a&b=c#d?.png"]
)
def test_odd_names_arrive_as_they_are(lake: DatalakeHook, tmp_path: Path, name: str) -> None:
    a_picture(tmp_path / "deep" / name)

    [data] = lake.upload(tmp_path / "deep" / ".." / "deep" / name).data

    assert data.filename == name
    assert lake.find_data(filename=name).id == data.id


def test_a_path_given_twice_is_uploaded_and_reported_twice(lake: DatalakeHook, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "a.png")

    report = lake.upload([path, path])

    assert [row.path for row in report.files] == [str(path)] * 2
    assert len(set(report.data.ids)) == 2


def test_lists_of_another_length_are_refused_before_anything_is_sent(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="1 entries for 2 paths"):
        lake.upload_data(pictures(tmp_path, 2), tags=["never made"], metadata=[{"weather": "sun"}])

    assert datalake_platform.requests() == []


def test_a_metadata_key_that_the_platform_does_not_know_fails_its_file_with_the_platform_s_word(
    lake: DatalakeHook, tmp_path: Path
) -> None:
    report = lake.upload(pictures(tmp_path, 2), metadata=[{"colour": "red"}, {"weather": "sun"}])

    assert statuses(report.files) == ["FAILED", "UPLOADED"]
    assert "colour" in str(report.files[0].error)


@pytest.mark.parametrize("fault", [{"drop": True}, {"drop_before": True}, {"status": 500}, {"status": 504}])
def test_a_lost_answer_to_the_registration_makes_one_data(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, fault: dict[str, Any]
) -> None:
    scripted = datalake_platform.script_fault("POST", REGISTRATION, count=2, **fault)

    report = lake.upload(pictures(tmp_path, 3))

    assert datalake_platform.faults_met(scripted) == 2
    assert report.counts()["UPLOADED"] == 3
    assert lake.count_data() == 3
    assert sorted(report.data.ids) == sorted(one.id for one in lake.iter_data())


def test_a_registration_that_never_answers_is_looked_for_and_told(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    datalake_platform.script_fault("POST", REGISTRATION, drop_before=True, count=100)

    [row] = lake.upload(a_picture(tmp_path / "a.png")).files

    assert row.status is FileStatus.FAILED
    assert "may have done the work" in str(row.error)
    looks = [request for request in datalake_platform.requests() if request["path"].endswith("/datas/find")]
    assert len(looks) == 4
    assert lake.count_data() == 0


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize(
    "path",
    ["generate_object_name$", "generate_presigned_url$", REGISTRATION, STORAGE],
    ids=["name", "sign", "register", "store"],
)
def test_a_busy_platform_is_asked_again(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, path: str
) -> None:
    busy = datalake_platform.script_fault("POST", path, status=503, count=3, retry_after=0)

    report = lake.upload(pictures(tmp_path, 2))

    assert datalake_platform.faults_met(busy) == 3
    assert report.counts()["UPLOADED"] == 2
    assert lake.count_data() == 2


@pytest.mark.parametrize("fault", [{"drop": True}, {"drop_before": True}, {"status": 403}])
def test_a_storage_that_cuts_or_refuses_once_still_gets_the_file(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, fault: dict[str, Any]
) -> None:
    scripted = datalake_platform.script_fault("POST", STORAGE, **fault)

    [row] = lake.upload(a_picture(tmp_path / "a.bmp", (700, 500))).files

    assert datalake_platform.faults_met(scripted) == 1
    assert (row.status, row.attempts) == (FileStatus.UPLOADED, 2)
    assert row.data is not None
    assert (row.data.width, row.data.height) == (700, 500)


def test_a_large_file_goes_in_parts_and_comes_back_the_same(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    path = a_large_tiff(tmp_path / "large.tiff", megabytes=60)
    cut = datalake_platform.script_fault("PUT", STORAGE, drop=True, after=1)
    expired = datalake_platform.script_fault("PUT", STORAGE, status=403, after=1)

    [row] = lake.upload(path).files
    [copy] = lake.download(row.data, tmp_path / "back")

    assert path.stat().st_size > 2 * PART_BYTES
    assert (datalake_platform.faults_met(cut), datalake_platform.faults_met(expired)) == (1, 1)
    assert (row.status, row.attempts) == (FileStatus.UPLOADED, 3)
    assert digest(copy) == digest(path)


def test_it_works_inside_a_running_event_loop(lake: DatalakeHook, tmp_path: Path) -> None:
    async def main() -> list[str]:
        return statuses(lake.upload(pictures(tmp_path, 3)).files)

    assert asyncio.run(main()) == ["UPLOADED"] * 3


def test_two_uploads_share_a_hook(lake: DatalakeHook, tmp_path: Path) -> None:
    found: list[list[str]] = []
    halves = [pictures(tmp_path / half, 10) for half in ("a", "b")]

    threads = [
        threading.Thread(target=lambda half=half: found.append(statuses(lake.upload(half).files))) for half in halves
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [["UPLOADED"] * 10] * 2
    assert lake.count_data() == 20


def test_progress_ends_with_everything_told(lake: DatalakeHook, tmp_path: Path) -> None:
    told: list[Progress] = []
    paths = [*pictures(tmp_path, 3), tmp_path / "missing.png", a_text_named_jpg(tmp_path / "text.jpg")]

    report = lake.upload(paths, on_progress=told.append)

    assert told[-1] == Progress(done=5, total=5, bytes=report.bytes, failed=2)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)


def test_an_interrupt_stops_the_upload_and_leaves_no_thread(tmp_path: Path) -> None:
    held = threading.Event()
    passed = iter([True, True])

    def hold(request: Request) -> None:
        if request.path == "/storage" and not next(passed, False):
            held.wait(60)

    def interrupt(progress: Progress) -> None:
        # Both workers have begun their next, and it does not end.
        if progress.done == 2 and len(witness.seen("POST", "generate_object_name$")) == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with Witness() as witness, DatalakeHook(host=witness.url, api_token="t") as hook:
        witness.script = hold
        with pytest.raises(KeyboardInterrupt):
            hook.upload(pictures(tmp_path, 10), max_workers=2, on_progress=interrupt)
        held.set()

        assert len(witness.seen("POST", REGISTRATION)) == 2
        assert len(witness.seen("POST", "generate_object_name$")) == 4
    assert not [thread for thread in threading.enumerate() if thread.name == "datalake-ops-loop"]


def test_a_platform_that_dies_midway_fails_the_rest_and_keeps_what_was_done(tmp_path: Path) -> None:
    with PlatformServer() as server, server.hook(retry=IMPATIENT) as hook:
        first, *others = pictures(tmp_path, 4)
        hook.upload(first)
        server.kill()

        report = hook.upload(others, max_workers=3)

    assert statuses(report.files) == ["FAILED"] * 3
    assert all(isinstance(row.error, UploadError) and "cannot be reached" in str(row.error) for row in report.files)


def test_a_data_says_how_it_ended_without_a_wait_when_none_is_wanted(lake: DatalakeHook, tmp_path: Path) -> None:
    report = lake.upload(a_picture(tmp_path / "a.png"), wait=False)

    assert report.files[0].status is FileStatus.UPLOADED
    assert report.data[0].upload_status in UploadStatus


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
