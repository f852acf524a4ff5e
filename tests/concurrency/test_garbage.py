"""The heap is frozen only while somebody uploads, and never thawed for somebody else."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from datalake_ops.concurrency.garbage import frozen_heap


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_is_there_is_frozen_until_the_last_of_several_ends() -> None:
    with frozen_heap():
        with frozen_heap():
            assert gc.get_freeze_count() > 1000
        assert gc.get_freeze_count() > 1000

    assert gc.get_freeze_count() == 0


def test_an_error_thaws_it() -> None:
    with pytest.raises(OSError, match="cut"), frozen_heap():
        raise OSError("cut")

    assert gc.get_freeze_count() == 0


def test_a_heap_that_the_process_froze_itself_stays_frozen() -> None:
    gc.freeze()

    with frozen_heap():
        pass

    assert gc.get_freeze_count() > 1000
