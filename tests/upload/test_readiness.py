from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.errors import UnprocessableDataError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.engine import upload_files
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.progress import OnProgress, Progress
from datalake_ops.upload.reporting.report import FileStatus, UploadReport
from datalake_ops.upload.request import READY_WAIT, UploadRequest
from datalake_ops.upload.transfer.readiness import LONGEST_DELAY, poll_delays
from tests.upload.pictures import a_picture
from tests.upload.witness import Answer, Request, Witness


class Reading:
    """Data are registered as PENDING; the n-th look at each gives the n-th status, and the last one from then on."""

    def __init__(self, witness: Witness, statuses: list[str]) -> None:
        self.statuses = statuses
        self.looks: dict[str, int] = {}
        self.made: dict[str, dict[str, object]] = {}
        witness.script = self
        self._usual = witness.usual

    def __call__(self, request: Request) -> Answer | None:
        if request.method == "POST" and request.path.endswith("/datas"):
            made = {**self._usual(request).body, "upload_status": "PENDING", "meta": None}
            self.made[f"/api/data/{made['id']}"] = made
            return Answer(201, made)
        if request.method != "GET" or request.path not in self.made:
            return None
        look = self.looks[request.path] = self.looks.get(request.path, 0) + 1
        status = self.statuses[min(look, len(self.statuses)) - 1]
        return Answer(200, {**self.made[request.path], "upload_status": status, "meta": {"width": 4, "height": 3}})


def upload(
    witness: Witness, paths: list[Path], ready_wait: float = 30, on_progress: OnProgress | None = None
) -> UploadReport:
    with DatalakeHook(host=witness.url, api_token="t") as hook:
        request = UploadRequest(paths, UploadOptions(on_progress=on_progress), ready_wait=ready_wait)
        return upload_files(request, hook.connection, hook.context)


@given(st.floats(min_value=0, max_value=10_000))
def test_the_pauses_add_up_to_the_wait_and_never_exceed_their_cap(seconds: float) -> None:
    pauses = list(poll_delays(seconds))

    assert sum(pauses) == pytest.approx(seconds)
    assert all(0 < pause <= LONGEST_DELAY for pause in pauses)


def test_a_whole_wait_takes_fewer_polls_than_the_official_sdk_s_thirty() -> None:
    assert len(list(poll_delays(READY_WAIT))) < 30


def test_the_upload_ends_when_every_data_is_ready(witness: Witness, tmp_path: Path) -> None:
    reading = Reading(witness, ["COMPUTING", "DONE"])
    paths = [a_picture(tmp_path / f"{number}.png") for number in range(3)]

    report = upload(witness, paths)

    assert report.counts()["UPLOADED"] == 3
    assert report.unready == []
    assert [one.width for one in report.data] == [4] * 3
    assert list(reading.looks.values()) == [2] * 3


def test_a_data_that_the_platform_cannot_read_in_the_end_is_unprocessable(witness: Witness, tmp_path: Path) -> None:
    Reading(witness, ["ERROR"])
    told: list[Progress] = []

    [row] = upload(witness, [a_picture(tmp_path / "a.png")], on_progress=told.append).files

    assert row.status is FileStatus.UNPROCESSABLE
    assert isinstance(row.error, UnprocessableDataError)
    assert row.error.path == str(tmp_path / "a.png")
    assert (told[-1].done, told[-1].failed) == (1, 1)


def test_a_data_that_stays_unready_is_uploaded_and_told(
    witness: Witness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Reading(witness, ["COMPUTING"])

    report = upload(witness, [a_picture(tmp_path / "a.png")], ready_wait=0.1)

    assert report.counts()["UPLOADED"] == 1
    assert report.unready == list(report.files)
    assert report.summary()["unready"] == 1
    assert "1 uploaded data are not ready after 0.1 s" in caplog.text


def test_a_look_that_is_refused_ends_the_wait_for_that_data_alone(
    witness: Witness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(witness, ["DONE"])
    witness.script = lambda request: (
        Answer(404, {"message": "gone"})
        if request.method == "GET" and request.path in list(reading.made)[:1]
        else reading(request)
    )

    report = upload(witness, [a_picture(tmp_path / f"{number}.png") for number in range(2)])

    assert report.counts()["UPLOADED"] == 2
    assert len(report.unready) == 1
    assert "gone" in caplog.text
