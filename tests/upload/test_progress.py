from __future__ import annotations

import time
from pathlib import Path

import pytest

from datalake_ops.upload.entries import Entries
from datalake_ops.upload.progress import INTERVAL, LogProgress, Progress, ProgressReporter, Throughput
from datalake_ops.upload.request import UploadRequest


def test_only_what_is_new_is_told() -> None:
    now = [Progress(0, 2, 0, 0)]
    told: list[Progress] = []
    tell = ProgressReporter(told.append, lambda: now[0], clock=lambda: 0.0)

    tell()
    tell()
    now[0] = Progress(2, 2, 5, 1)
    tell()

    assert told == [Progress(0, 2, 0, 0), Progress(2, 2, 5, 1)]
    assert tell.interval == INTERVAL


def test_a_second_without_news_is_told_so_that_the_callback_can_stop_a_large_file() -> None:
    told: list[Progress] = []
    seconds = iter([0.0, 0.5, 1.0, 1.5])
    tell = ProgressReporter(told.append, lambda: Progress(0, 1, 0, 0), clock=lambda: next(seconds))

    for _ in range(4):
        tell()

    assert told == [Progress(0, 1, 0, 0)] * 2


def test_nobody_to_tell_needs_no_interval() -> None:
    tell = ProgressReporter(None, lambda: Progress(0, 1, 0, 0))

    tell()

    assert tell.interval is None


def test_a_failing_callback_is_logged_once_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def fail(progress: Progress) -> None:
        calls.append(progress)
        raise RuntimeError("bar is broken")

    tell = ProgressReporter(fail, iter([Progress(n, 2, 0, 0) for n in range(3)]).__next__)
    tell()
    tell()

    assert len(calls) == 1
    assert "bar is broken" in caplog.text


def test_a_cancellation_in_the_callback_goes_on_up() -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ProgressReporter(stop, lambda: Progress(1, 2, 0, 0))()


def test_the_log_tells_now_and_then_how_far_an_upload_is() -> None:
    now = [0.0]
    said: list[str] = []
    tell = LogProgress(said.append, every=5.0, clock=lambda: now[0])

    for now[0], progress in (
        (1.0, Progress(1, None, 10, 0)),
        (5.0, Progress(50, None, 2_000_000, 0)),
        (9.0, Progress(60, 200, 2_500_000, 0)),
        (10.0, Progress(100, 200, 4_000_000, 2, 30)),
        (20.0, Progress(200, 200, 8_000_000, 2, 30)),
    ):
        tell(progress)

    assert said == [
        "Uploading: 50 files, 2.0 MB, 10 files/s, 0.4 MB/s",
        "Uploading: 100 of 200 files, 4.0 MB, 10 files/s, 0.4 MB/s, 10 s left, 30 skipped, 2 failed",
        "Uploading: 200 of 200 files, 8.0 MB, 10 files/s, 0.4 MB/s, 30 skipped, 2 failed",
    ]


def test_without_a_pace_nobody_guesses_the_time_left() -> None:
    assert Throughput(Progress(0, 10, 0, 0), 3.0).seconds_left is None
    assert Throughput(Progress(3, None, 0, 0), 3.0).seconds_left is None
    assert Throughput(Progress(5, 10, 0, 0), 0.0).seconds_left is None
    assert Throughput(Progress(12, 10, 0, 0), 3.0).seconds_left == 0


def test_a_folder_is_counted_while_it_is_uploaded(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.png").touch()
    found = Entries(UploadRequest(tmp_path))

    found.count_ahead()

    deadline = time.monotonic() + 120
    while found.total is None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert found.total == 50
