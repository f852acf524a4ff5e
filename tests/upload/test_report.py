from __future__ import annotations

import json
import pickle
from pathlib import Path
from uuid import UUID

import pytest

from datalake_ops.errors import ErrorManager, InvalidFileError, NothingDoneError, UnprocessableDataError
from datalake_ops.upload.reporting.failure_policy import FailurePolicy
from datalake_ops.upload.reporting.report import FileReport, FileStatus, UploadReport
from datalake_ops.upload.reporting.report_builder import ReportBuilder
from datalake_ops.upload.reporting.retry_plan import RetryPlan
from datalake_ops.upload.reporting.rows import named_error
from datalake_ops.upload.reporting.sdk_result import sdk_result
from datalake_ops.upload.sharding import merge_summaries
from datalake_ops.wire.data import Data, MultiData


def a_data(number: int, status: str = "DONE") -> Data:
    return Data.model_validate(
        {
            "id": str(UUID(int=number)),
            "object_name": f"o{number}",
            "filename": f"{number}.jpg",
            "type": "IMAGE",
            "content_type": "image/jpeg",
            "upload_status": status,
            "meta": {"width": 1, "height": 1},
        }
    )


def an_uploaded(number: int, status: str = "DONE") -> FileReport:
    return FileReport(f"/in/{number}.jpg", FileStatus.UPLOADED, a_data(number, status), 10, 1, 0.5)


def a_failed(number: int) -> FileReport:
    path = f"/in/{number}.jpg"
    return FileReport(path, FileStatus.FAILED, error=InvalidFileError(f"{path} is empty.", path))


def an_unprocessable(number: int) -> FileReport:
    path = f"/in/{number}.jpg"
    error = UnprocessableDataError(f"{path} cannot be read.", path)
    return FileReport(path, FileStatus.UNPROCESSABLE, a_data(number, "ERROR"), 10, 1, 0.5, error)


A_REPORT = UploadReport((an_uploaded(1), a_failed(2), an_unprocessable(3), an_uploaded(4, "COMPUTING")), 2.0)


def test_a_report_counts_in_input_order() -> None:
    assert A_REPORT.counts() == {"UPLOADED": 2, "SKIPPED": 0, "FAILED": 1, "UNPROCESSABLE": 1, "UNSUPPORTED": 0}
    assert A_REPORT.data.ids == [UUID(int=1), UUID(int=4)]
    assert [row.path for row in A_REPORT.failed] == ["/in/2.jpg", "/in/3.jpg"]
    assert [error.path for error in A_REPORT.errors] == ["/in/2.jpg", "/in/3.jpg"]
    assert [row.path for row in A_REPORT.unready] == ["/in/4.jpg"]
    assert (A_REPORT.bytes, A_REPORT.rate) == (30, 15.0)
    assert UploadReport(()).rate == 0.0


def test_a_report_survives_pickle_with_its_errors() -> None:
    again = pickle.loads(pickle.dumps(A_REPORT))

    assert again.summary() == A_REPORT.summary()
    assert again.data == A_REPORT.data
    assert [type(error) for error in again.errors] == [InvalidFileError, UnprocessableDataError]
    assert again.errors[0].path == "/in/2.jpg"


def test_a_summary_stays_small_however_long_the_report() -> None:
    report = UploadReport(tuple(map(an_uploaded, range(5000))) + tuple(map(a_failed, range(5000))), 1.0)

    text = json.dumps(report.summary())

    assert len(text) < 20_000
    assert json.loads(text)["data_ids_left_out"] == 4900
    assert json.loads(text)["errors_left_out"] == 4900
    assert report.summary(max_ids=0)["data_ids"] == []


def test_a_saved_report_has_one_line_per_path(tmp_path: Path) -> None:
    path = A_REPORT.save(tmp_path / "deep" / "report.jsonl")

    rows = [json.loads(line) for line in path.read_text().splitlines()]

    assert [row["path"] for row in rows] == [row.path for row in A_REPORT.files]
    assert rows[2] == {
        "path": "/in/3.jpg",
        "status": "UNPROCESSABLE",
        "data_id": str(UUID(int=3)),
        "upload_status": "ERROR",
        "bytes": 10,
        "attempts": 1,
        "seconds": 0.5,
        "error": "/in/3.jpg cannot be read.",
        "error_type": "UnprocessableDataError",
        "doubles": [],
    }
    assert [entry.name for entry in path.parent.iterdir()] == ["report.jsonl"]


def test_a_report_of_an_undecodable_path_can_be_saved(tmp_path: Path) -> None:
    row = FileReport("caf\udce9.jpg", FileStatus.FAILED, error=InvalidFileError("bad name", "caf\udce9.jpg"))

    path = UploadReport((row,)).save(tmp_path / "r.jsonl")

    assert json.loads(path.read_text(encoding="utf-8"))["status"] == "FAILED"


def test_the_seed_s_result_is_one_data_or_several_in_input_order() -> None:
    assert sdk_result(UploadReport((a_failed(2), an_uploaded(1)))) == a_data(1)
    assert sdk_result(UploadReport((an_uploaded(2), an_uploaded(1)))) == MultiData([a_data(2), a_data(1)])


def test_every_failure_reaches_the_error_manager_with_its_full_path(caplog: pytest.LogCaptureFixture) -> None:
    errors = ErrorManager()

    sdk_result(A_REPORT, errors)

    assert [error.path for error in errors.errors] == ["/in/2.jpg", "/in/3.jpg"]
    assert "2 of 4 files were not uploaded: /in/2.jpg is empty." in caplog.text


def test_an_upload_in_which_nothing_succeeded_raises_with_the_errors() -> None:
    errors = ErrorManager()

    with pytest.raises(NothingDoneError, match="2 of 2 files") as caught:
        sdk_result(UploadReport((a_failed(1), an_unprocessable(2))), errors)

    assert [error.path for error in caught.value.errors] == ["/in/1.jpg", "/in/2.jpg"]
    assert errors.errors == caught.value.errors


def test_an_upload_of_no_path_raises() -> None:
    with pytest.raises(NothingDoneError, match="No path"):
        sdk_result(UploadReport(()))


def test_doubles_and_notes_are_in_every_form_of_a_report(tmp_path: Path) -> None:
    writer = ReportBuilder()
    writer.add(0, FileReport("a.png", FileStatus.SKIPPED, doubles=(UUID(int=7),)))
    report = writer.finish(1.0, ["Something of the run as a whole. " * 20])

    [saved] = report.save(tmp_path / "r.jsonl").read_text().splitlines()
    told = merge_summaries([report.summary(), UploadReport(()).summary()])

    assert json.loads(saved)["doubles"] == [str(UUID(int=7))]
    assert told["doubled"] == 1
    assert told["notes"] == list(report.notes)
    [short] = report.summary(max_bytes=1000)["notes"]
    assert short.startswith("Something of the run")


def test_the_error_of_an_upload_in_which_all_failed_can_be_retried() -> None:
    error = InvalidFileError("a.png is empty.", "a.png")
    report = UploadReport((FileReport("a.png", FileStatus.FAILED, error=error),), retry_plan=RetryPlan(["a.png"]))

    for check in (sdk_result, FailurePolicy("any").check):
        with pytest.raises(NothingDoneError) as caught:
            check(report)
        carried = pickle.loads(pickle.dumps(caught.value)).report
        assert carried.failed.paths == ["a.png"]
        assert carried.retry_plan == RetryPlan(["a.png"])


def test_an_error_is_told_with_its_path_once() -> None:
    assert named_error("a.png", InvalidFileError("a.png is empty", "a.png")) == "a.png is empty"
    assert named_error("a.png", RuntimeError("nobody answered")) == "a.png: nobody answered"
