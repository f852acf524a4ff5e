"""Whatever is lost, and wherever, the platform holds what the report says, once."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.concurrency.limiter import Limiter
from datalake_ops.config import RetryPolicy, Timeouts
from datalake_ops.errors import AnswerTimeoutError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.reporting.report import UploadReport
from tests.upload.conftest import IMPATIENT
from tests.upload.pictures import a_large_tiff, a_picture
from tests.upload.witness import Answer, Request, Witness

PHASES = {
    "name": ("POST", "generate_object_name$"),
    "sign": ("POST", "generate_presigned_url$"),
    "store": ("POST", "^/storage/"),
    "register": ("POST", r"/datas$"),
}
LARGE_PHASES = {
    "name": ("POST", "generate_object_name$"),
    "begin": ("POST", "init_multipart_upload$"),
    "sign a part": ("POST", "generate_part_presigned_url$"),
    "store a part": ("PUT", "^/storage/"),
    "join the parts": ("POST", "complete_part_upload$"),
    "register": ("POST", r"/datas$"),
}
FAULTS: dict[str, dict[str, Any]] = {
    "answer lost": {"drop": True},
    "request lost": {"drop_before": True},
    "busy": {"status": 503},
    "broken": {"status": 502},
}


def pictures(directory: Path, count: int) -> list[Path]:
    return [a_picture(directory / f"{number:03}.png", (10 + number, 20)) for number in range(count)]


def agrees(lake: DatalakeHook, report: UploadReport) -> None:
    """The lake has each uploaded row's data, and nothing else."""
    held = Counter(one.id for one in lake.iter_data()) if lake.count_data() else Counter()
    told = Counter(report.data.ids)
    assert held == told
    assert report.counts()["UPLOADED"] + report.counts()["FAILED"] == len(report.files)


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES)
def test_a_fault_in_any_phase_loses_and_doubles_nothing(
    lake: DatalakeHook,
    datalake_platform: PlatformServer,
    tmp_path: Path,
    phase: tuple[str, str],
    fault: dict[str, Any],
) -> None:
    scripted = datalake_platform.script_fault(*phase, after=1, count=2, **fault)

    report = lake.upload(pictures(tmp_path, 5))

    assert datalake_platform.faults_met(scripted) == 2
    assert report.counts()["UPLOADED"] == 5
    agrees(lake, report)


@pytest.mark.parametrize("fault", ["answer lost", "request lost", "busy"])
@pytest.mark.parametrize("phase", LARGE_PHASES.values(), ids=LARGE_PHASES)
def test_a_fault_in_any_phase_of_a_large_file_loses_and_doubles_nothing(
    lake: DatalakeHook, datalake_platform: PlatformServer, large: Path, phase: tuple[str, str], fault: str
) -> None:
    scripted = datalake_platform.script_fault(*phase, **FAULTS[fault])

    report = lake.upload(large)

    assert datalake_platform.faults_met(scripted) == 1
    assert report.counts()["UPLOADED"] == 1
    agrees(lake, report)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_large_tiff(tmp_path_factory.mktemp("large") / "large.tiff", megabytes=30)


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES)
def test_a_server_that_answers_after_the_client_gave_up_is_not_served_twice(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, phase: tuple[str, str]
) -> None:
    scripted = datalake_platform.script_fault(*phase, delay=1.2)
    connection = lake.connection.with_(timeouts=Timeouts(api=0.4, storage=0.4), retry=replace(IMPATIENT, attempts=40))

    with DatalakeHook.from_connection(connection) as hurried:
        report = hurried.upload(pictures(tmp_path, 3))

    assert datalake_platform.faults_met(scripted) == 1
    assert report.counts()["UPLOADED"] == 3
    # The late one does its work only now.
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        agrees(lake, report)
        time.sleep(0.1)


def test_an_address_that_expires_under_way_is_asked_for_again(
    lake: DatalakeHook, datalake_platform: PlatformServer, large: Path, tmp_path: Path
) -> None:
    part = datalake_platform.script_fault("PUT", "^/storage/", status=403)
    form = datalake_platform.script_fault("POST", "^/storage/", status=403, count=2)

    report = lake.upload([large, *pictures(tmp_path, 4)])

    assert (datalake_platform.faults_met(part), datalake_platform.faults_met(form)) == (1, 2)
    assert report.counts()["UPLOADED"] == 5
    agrees(lake, report)


@pytest.mark.usefixtures("one_by_one")
def test_what_fails_for_good_stands_in_the_report_and_the_rest_goes_on(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    # As many refusals as one file has tries; the others come to pass between and after them.
    datalake_platform.script_fault("POST", "generate_presigned_url$", status=400, count=2)

    report = lake.upload(pictures(tmp_path, 8))

    assert report.counts() == {"UPLOADED": 6, "SKIPPED": 0, "FAILED": 2, "UNPROCESSABLE": 0, "UNSUPPORTED": 0}
    agrees(lake, report)


@pytest.mark.usefixtures("one_by_one")
def test_a_platform_that_asks_for_a_pause_gets_it_from_all_files(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    datalake_platform.script_fault("POST", "generate_presigned_url$", status=429, retry_after=1)
    started_at = time.monotonic()

    report = lake.upload(pictures(tmp_path, 6))

    assert time.monotonic() - started_at >= 1
    assert report.counts()["UPLOADED"] == 6
    signed = [one for one in datalake_platform.requests() if one["path"].endswith("generate_presigned_url")]
    assert len(signed) == 7


def test_when_the_platform_goes_down_the_rest_is_told_and_not_tried_one_by_one(tmp_path: Path) -> None:
    paths = pictures(tmp_path, 400)
    policy = RetryPolicy(attempts=4, first_delay=0.2, longest_delay=1)
    with PlatformServer() as server, server.hook(retry=policy) as hook:
        hook.context  # noqa: B018
        server.kill()
        started_at = time.monotonic()

        report = hook.upload(paths, max_workers=4)

        # Each with its own tries would take 400 / 4 times as long, more than 100 s.
        assert time.monotonic() - started_at < 60
    assert report.counts()["FAILED"] == 400
    assert [row.path for row in report.files] == [str(path) for path in paths]
    assert all("cannot be reached" in str(row.error) for row in report.files)


@pytest.mark.parametrize("phase", ["name", "store", "store a part"])
def test_a_request_that_was_longer_under_way_than_the_budget_is_sent_again_when_it_is_cut(
    lake: DatalakeHook, datalake_platform: PlatformServer, large: Path, tmp_path: Path, phase: str
) -> None:
    files: list[Path] = [large] if phase in LARGE_PHASES else pictures(tmp_path, 1)
    scripted = datalake_platform.script_fault(*{**LARGE_PHASES, **PHASES}[phase], delay=0.8, drop_before=True)
    policy = RetryPolicy(attempts=4, budget=0.5, first_delay=0.01, longest_delay=0.05)

    with DatalakeHook.from_connection(lake.connection.with_(retry=policy)) as hook:
        report = hook.upload(files)

    assert datalake_platform.faults_met(scripted) == 1
    assert report.counts()["UPLOADED"] == 1


def test_an_object_that_is_throttled_while_others_come_through_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = pictures(tmp_path, 150)
    throttled: list[Request] = []
    pauses: list[float] = []
    sleep = Limiter._sleep

    async def noted(limiter: Limiter, seconds: float) -> None:
        pauses.append(seconds)
        await sleep(limiter, seconds)

    monkeypatch.setattr(Limiter, "_sleep", noted)

    def throttle(request: Request) -> Answer | None:
        if request.path != "/storage":
            return None
        if b'filename="object-of-000.png"' not in request.body:
            time.sleep(0.03)
            return None
        throttled.append(request)
        return Answer(503, b"") if len(throttled) < 6 else None

    with Witness() as witness, DatalakeHook(host=witness.url, api_token="t") as hook:
        witness.script = throttle
        report = hook.upload(paths, max_workers=4)

    assert report.counts()["UPLOADED"] == 150
    assert len(throttled) == 6
    # It was asked soon at first; how soon a busy machine then asks is another matter.
    assert sum(pauses[:2]) < 0.8


class StoppedReader:
    """A storage that takes some bytes of each request and then reads no more, with the connection open."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/part"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer = self._listener.accept()[0]
                peer.recv(1000)
                self.open.append(peer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for peer in self.open:
            peer.close()


def test_a_storage_that_stops_reading_in_the_middle_of_a_part_is_given_up_and_the_part_sent_again(large: Path) -> None:
    reader = StoppedReader()

    def mislead(request: Request) -> Answer | None:
        first = request.path.endswith("generate_part_presigned_url") and request.json["part_no"] == 1
        return Answer(body={"url": reader.url}) if first and not reader.open else None

    with Witness(multipart={"client_type": "aws", "upload_id": "u"}) as witness:
        witness.script = mislead
        policy = RetryPolicy(attempts=1)
        with DatalakeHook(host=witness.url, api_token="t", retry=policy, timeouts=Timeouts(storage=1.0)) as hook:
            stalled = hook.upload(large)
        with DatalakeHook(host=witness.url, api_token="t") as hook:
            again = hook.upload(large)
    reader.close()

    assert len(reader.open) == 1
    assert isinstance(stalled.files[0].error.__cause__, AnswerTimeoutError)
    assert again.counts()["UPLOADED"] == 1


@pytest.mark.parametrize("phase", ["store", "register"])
def test_an_upload_stops_at_the_first_answer_that_the_storage_is_full(
    lake: DatalakeHook,
    datalake_platform: PlatformServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    phase: str,
) -> None:
    full = datalake_platform.script_fault(*PHASES[phase], status=507, after=2, count=1000)
    files = pictures(tmp_path, 100)

    report = lake.upload(files, max_workers=1)

    assert datalake_platform.faults_met(full) == 1
    assert report.counts() == {"UPLOADED": 2, "SKIPPED": 0, "FAILED": 98, "UNPROCESSABLE": 0, "UNSUPPORTED": 0}
    assert {str(error).partition(": ")[2] for error in report.errors} == {str(report.errors[0].__cause__)}
    assert [row.attempts for row in report.files[3:]] == [0] * 97
    assert [note for note in report.notes if "Storage full" in note] == list(report.notes)
    assert len(report.notes) == 1
    assert [one.message for one in caplog.records].count("Storage full: no further files are sent.") == 1

    datalake_platform.clear_faults()
    again = report.retry(lake)
    assert (again.counts()["UPLOADED"], lake.count_data()) == (98, 100)


def test_files_that_wait_for_one_of_their_content_are_not_sent_when_it_meets_a_full_storage(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    full = datalake_platform.script_fault(*PHASES["store"], status=507, count=1000)
    files = [a_picture(tmp_path / str(number) / "same.png") for number in range(8)]

    report = lake.upload(files, if_exists="skip", max_workers=8)

    assert datalake_platform.faults_met(full) == 1
    assert report.counts()["FAILED"] == 8
    assert all("507" in str(error) for error in report.errors)
