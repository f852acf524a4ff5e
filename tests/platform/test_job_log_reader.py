"""The reader of a program's output, and the pool of processors and GPUs."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from datalake_ops.platform.jobs.processings.log_reader import CHUNK_BYTES, read_lines
from datalake_ops.platform.jobs.processings.resource_pool import Allocation, ResourcePool


def test_an_unfinished_line_waits_for_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"one\ntwo\nthr")

    lines, offset = read_lines(log, 0)

    assert (lines, offset) == (["one", "two"], 8)
    assert read_lines(log, offset) == ([], 8)
    assert read_lines(log, offset, to_the_end=True) == (["thr"], 11)


def test_of_a_progress_bar_the_last_state_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"  0 %\r 50 %\r100 %\ndos\r\n\nlast")

    assert read_lines(log, 0, to_the_end=True)[0] == ["100 %", "dos", "", "last"]


def test_bytes_that_are_no_text_and_endless_lines_do_not_stop_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff\xfe\n" + b"x" * CHUNK_BYTES + b"\n")

    lines, offset = read_lines(log, 0)
    more, end = read_lines(log, offset)

    assert lines == ["\ufffd\ufffd"]
    assert len(more) == 1
    assert end > offset
    assert read_lines(tmp_path / "absent", 0) == ([], 0)


def test_the_pool_allocates_what_there_is_and_no_more() -> None:
    resources = ResourcePool(cpus=3, gpus=2)
    one, two, three = uuid4(), uuid4(), uuid4()

    assert resources.admit(one, 2, 1) == Allocation(2, (0,))
    assert resources.admit(two, 2, 0) is None
    assert resources.admit(two, 1, 1) == Allocation(1, (1,))
    resources.release(one)
    assert resources.admit(three, 99, 1) is None
    resources.release(two)
    assert resources.admit(three, 99, 1) == Allocation(3, (0,))
