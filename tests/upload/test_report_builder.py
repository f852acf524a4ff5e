"""Reports that outgrow the memory, summaries that must not, and what is uploaded again."""

from __future__ import annotations

import io
import json
import pickle
import random
import resource
from importlib import import_module
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalake_ops.errors import (
    ConfigurationError,
    IncompleteSourceError,
    IncompleteUploadError,
    InvalidFileError,
    NothingDoneError,
    UnprocessableDataError,
)
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.reporting.failure_policy import FailurePolicy
from datalake_ops.upload.reporting.report import FileReport, FileStatus, UploadReport
from datalake_ops.upload.reporting.report_builder import ReportBuilder
from datalake_ops.upload.sources.manifest import Manifest
from datalake_ops.upload.sources.streams import NamedStream
from datalake_ops.wire.data import Data
from tests.upload.pictures import a_picture


def a_data(number: int, status: str = "DONE") -> Data:
    return Data.model_validate(
        {
            "id": str(UUID(int=number + 1)),
            "object_name": f"o{number}",
            "filename": f"{number}.jpg",
            "type": "IMAGE",
            "content_type": "image/jpeg",
            "upload_status": status,
            "meta": {"width": 1, "height": 1},
            "custom_metadata": {"name": 'é"\n'},
        }
    )


def a_row(number: int) -> FileReport:
    path = f"/in/{number}\n.jpg"
    if number % 7 == 3:
        return FileReport(path, FileStatus.FAILED, error=InvalidFileError(f"{path} is empty.", path))
    if number % 7 == 5:
        error = UnprocessableDataError(f"{path} is no picture.", path)
        return FileReport(path, FileStatus.UNPROCESSABLE, a_data(number, "ERROR"), 10, 1, 0.5, error)
    status = "COMPUTING" if number % 7 == 1 else "DONE"
    doubles = (UUID(int=number),) if number % 7 == 2 else ()
    return FileReport(path, FileStatus.UPLOADED, a_data(number, status), number, 2, 0.25, doubles=doubles)


def written(count: int, in_memory: int, order: list[int] | None = None) -> ReportBuilder:
    writer = ReportBuilder(in_memory)
    for number in order or range(count):
        writer.add(number, a_row(number))
    return writer


@settings(deadline=None)
@given(order=st.permutations(range(30)), in_memory=st.integers(0, 31))
def test_a_report_is_the_same_wherever_its_rows_lie(order: list[int], in_memory: int) -> None:
    near = UploadReport(tuple(map(a_row, range(30))), 2.0)

    far = written(30, in_memory, order).finish(2.0)

    assert [row.to_json() for row in far.files] == [row.to_json() for row in near.files]
    assert [str(row.error) for row in far.failed] == [str(row.error) for row in near.failed]
    assert [(type(one), one.path) for one in far.errors] == [(type(one), one.path) for one in near.errors]
    assert far.summary() == near.summary()
    assert far.data == near.data
    assert far.doubled == near.doubled
    assert far.unready == near.unready
    assert far.failed.paths == [row.path for row in near.files if not row.status.succeeded]
    assert far.files[-1] == near.files[-1]
    assert [row.path for row in far.files[3:9]] == [row.path for row in near.files[3:9]]


@settings(deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), max_size=40), in_memory=st.integers(0, 10))
def test_a_later_row_replaces_the_earlier_one_and_the_figures_know(
    changes: list[tuple[int, int]], in_memory: int
) -> None:
    writer = written(10, in_memory)
    last = {index: a_row(index) for index in range(10)}
    for index, number in changes:
        writer.add(index, a_row(number))
        last[index] = a_row(number)

    rows = [last[index] for index in range(10)]
    assert (writer.done, writer.bytes) == (10, sum(row.bytes for row in rows))
    assert writer.failed == sum(not row.status.succeeded for row in rows)
    assert writer.unready() == [
        index for index, row in last.items() if row.data and not row.data.upload_status.is_terminal
    ]
    assert [writer.row(index).path for index in range(10)] == [row.path for row in rows]
    assert [row.path for row in writer.finish(1.0).files] == [row.path for row in rows]


def test_rows_that_find_no_room_on_the_disk_stay_in_memory(caplog: pytest.LogCaptureFixture) -> None:
    writer = ReportBuilder(in_memory=2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        for number in range(200):
            writer.add(number, a_row(number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    rows = list(writer.finish(1.0).files)

    assert [row.to_json() for row in rows] == [a_row(number).to_json() for number in range(200)]
    assert [record.message.count("stay in memory") for record in caplog.records] == [1]


def test_a_long_report_survives_pickle_and_its_writer() -> None:
    writer = written(50, 5)
    report = writer.finish(1.0, ("a note",))
    writer.close()

    again = pickle.loads(pickle.dumps(report))

    assert again.summary() == report.summary()
    assert (again.notes, len(again.files)) == (("a note",), 50)


def test_what_was_interrupted_leaves_nothing() -> None:
    writer = written(50, 5)

    writer.close()

    with pytest.raises(IndexError):
        writer.row(3)


@pytest.mark.parametrize("max_bytes", [500, 2000, 10_000])
def test_a_summary_keeps_within_its_bound(max_bytes: int) -> None:
    report = written(3000, 10).finish(1.0)

    told = report.summary(max_ids=1000, max_bytes=max_bytes)

    assert len(json.dumps(told)) <= max_bytes
    assert told["files"] == 3000
    counts = told["counts"]
    assert len(told["data_ids"]) + told["data_ids_left_out"] == counts["UPLOADED"]
    assert len(told["errors"]) + told["errors_left_out"] == counts["FAILED"] + counts["UNPROCESSABLE"]


def test_a_summary_that_fits_is_whole() -> None:
    report = written(8, 10).finish(1.0)

    assert report.summary(max_bytes=10_000) == report.summary()
    with pytest.raises(ConfigurationError, match="at least 500"):
        report.summary(max_bytes=100)


def test_a_report_is_saved_as_parquet_where_pyarrow_is(tmp_path: Path) -> None:
    parquet = import_module("pyarrow.parquet")
    report = written(50, 5).finish(1.0)

    path = report.save(tmp_path / "report.parquet")

    rows = parquet.read_table(path).to_pylist()
    assert rows == [{**row.to_json()} for row in report.files]
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.parquet"]


@pytest.mark.parametrize(
    ("failed", "of", "tolerance", "raises"),
    [
        (1, 10, FailurePolicy(), None),
        (10, 10, FailurePolicy(), None),
        (1, 10, FailurePolicy("any"), IncompleteUploadError),
        (0, 10, FailurePolicy("any"), None),
        (0, 0, FailurePolicy("any"), None),
        (9, 10, FailurePolicy("all"), None),
        (10, 10, FailurePolicy("all"), NothingDoneError),
        (10, 10, FailurePolicy("any"), NothingDoneError),
        (1, 100, FailurePolicy("any", max_failed=0.01), None),
        (2, 100, FailurePolicy(max_failed=0.01), IncompleteUploadError),
        (2, 100, FailurePolicy(max_failed=2), None),
        (3, 100, FailurePolicy(max_failed=2), IncompleteUploadError),
        (1, 100, FailurePolicy(max_failed=0), IncompleteUploadError),
    ],
)
def test_failures_raise_when_they_are_more_than_may(
    failed: int, of: int, tolerance: FailurePolicy, raises: type[Exception] | None
) -> None:
    rows = [
        FileReport(f"{number}", FileStatus.FAILED, error=InvalidFileError("bad", f"{number}"))
        for number in range(failed)
    ]
    rows += [FileReport(f"{number}", FileStatus.SKIPPED, a_data(number)) for number in range(failed, of)]
    report = UploadReport(tuple(rows))

    if raises is None:
        tolerance.check(report)
    else:
        with pytest.raises(raises, match=f"{failed} of {of} files"):
            tolerance.check(report)


def test_what_could_not_be_read_to_its_end_is_more_than_any_share() -> None:
    unread = FileReport("in", FileStatus.FAILED, error=IncompleteSourceError("in cannot be listed", "in"))
    report = UploadReport((*(FileReport(f"{n}", FileStatus.SKIPPED, a_data(n)) for n in range(99)), unread))

    FailurePolicy("never").check(report)
    for limit in (0.5, 50):
        with pytest.raises(IncompleteUploadError, match="cannot be listed"):
            FailurePolicy(max_failed=limit).check(report)


@pytest.mark.parametrize("wrong", [{"raise_on": "some"}, {"max_failed": -1}, {"max_failed": 1.5}, {"max_failed": True}])
def test_a_tolerance_that_cannot_be_right_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        FailurePolicy(**wrong)  # type: ignore[arg-type]


def test_the_error_of_too_many_failures_carries_the_report(lake: DatalakeHook, tmp_path: Path) -> None:
    with pytest.raises(IncompleteUploadError) as caught:
        lake.upload([a_picture(tmp_path / "a.png"), tmp_path / "missing.png"], raise_on="any")

    carried = pickle.loads(pickle.dumps(caught.value)).report
    assert carried.failed.paths == [str(tmp_path / "missing.png")]
    assert lake.count_data() == 1


def test_a_retry_uploads_what_failed_with_the_same_arguments(lake: DatalakeHook, tmp_path: Path) -> None:
    a_picture(tmp_path / "a.png")
    manifest = tmp_path / "m.jsonl"
    rows = [{"path": f"{name}.png", "custom_metadata": {"name": name}, "tags": [f"tag-{name}"]} for name in "abc"]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = lake.upload(Manifest(str(manifest)), tags="all", metadata={"weather": "rain"})
    assert report.failed.paths == [str(tmp_path / "b.png"), str(tmp_path / "c.png")]
    a_picture(tmp_path / "b.png")

    # As a later task would do it.
    again = pickle.loads(pickle.dumps(report)).retry(lake)

    assert [(Path(row.path).name, str(row.status)) for row in again.files] == [
        ("b.png", "UPLOADED"),
        ("c.png", "FAILED"),
    ]
    one = lake.get_data(again.data[0].id)
    assert sorted(tag.name for tag in one.tags or ()) == ["all", "tag-b"]
    assert one.custom_metadata == {"name": "b"}
    assert (one.metadata or {})["weather"] == "rain"
    a_picture(tmp_path / "c.png")
    assert again.retry(lake, tags="other").failed == []
    assert lake.count_data() == 3


def test_the_failed_paths_of_an_iterator_are_uploaded_again(lake: DatalakeHook, tmp_path: Path) -> None:
    paths = [a_picture(tmp_path / "a.png"), tmp_path / "b.png"]
    report = lake.upload(path for path in paths)
    a_picture(tmp_path / "b.png")

    assert [row.path for row in report.retry(lake).files] == [str(tmp_path / "b.png")]
    assert lake.upload(report.failed.paths).counts()["UPLOADED"] == 1


def test_a_stream_that_can_be_read_again_is_sent_again(lake: DatalakeHook, tmp_path: Path) -> None:
    stream = io.BytesIO(a_picture(tmp_path / "a.png").read_bytes())
    closed = io.BytesIO(b"")
    closed.close()
    report = lake.upload([NamedStream("a.png", stream), NamedStream("closed.png", closed)])

    assert [str(row.status) for row in report.files] == ["UPLOADED", "FAILED"]
    again = report.retry(lake)
    assert [row.path for row in again.files] == ["closed.png"]
    assert "closed file" in str(again.files[0].error)


def test_rows_of_a_hundred_thousand_files_take_little_memory() -> None:
    import tracemalloc

    row = a_row(4)
    numbers = list(range(20_000))
    random.Random(1).shuffle(numbers)
    writer = ReportBuilder()
    tracemalloc.start()
    for number in numbers:
        writer.add(number, row)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # 2,000 rows stay; of each further one, its place and its size.
    assert held < 3_000_000
    assert writer.finish(1.0).counts()["UPLOADED"] == 20_000
