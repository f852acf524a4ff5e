from __future__ import annotations

import pytest

from datalake_ops.upload.progress import INTERVAL, Progress, Teller


def test_only_what_is_new_is_told() -> None:
    now = [Progress(0, 2, 0, 0)]
    told: list[Progress] = []
    tell = Teller(told.append, lambda: now[0])

    tell()
    tell()
    now[0] = Progress(2, 2, 5, 1)
    tell()

    assert told == [Progress(0, 2, 0, 0), Progress(2, 2, 5, 1)]
    assert tell.interval == INTERVAL


def test_nobody_to_tell_needs_no_interval() -> None:
    tell = Teller(None, lambda: Progress(0, 1, 0, 0))

    tell()

    assert tell.interval is None


def test_a_failing_callback_is_logged_once_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def fail(progress: Progress) -> None:
        calls.append(progress)
        raise RuntimeError("bar is broken")

    tell = Teller(fail, iter([Progress(n, 2, 0, 0) for n in range(3)]).__next__)
    tell()
    tell()

    assert len(calls) == 1
    assert "bar is broken" in caplog.text


def test_a_cancellation_in_the_callback_goes_on_up() -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Teller(stop, lambda: Progress(1, 2, 0, 0))()
