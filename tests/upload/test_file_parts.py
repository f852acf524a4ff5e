from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.upload.sources.file_parts import file_parts, is_large
from datalake_ops.wire.uploads import PART_BYTES


@given(size=st.integers(min_value=1, max_value=10_000), part_bytes=st.integers(min_value=1, max_value=3_000))
def test_parts_cover_a_file_exactly(size: int, part_bytes: int) -> None:
    pieces = file_parts(size, part_bytes)

    assert [piece.number for piece in pieces] == list(range(1, len(pieces) + 1))
    assert pieces[0].start == 0
    assert pieces[-1].end == size
    assert all(before.end == after.start for before, after in pairwise(pieces))
    assert all(0 < piece.size <= part_bytes for piece in pieces)
    assert all(piece.size == part_bytes for piece in pieces[:-1])


@pytest.mark.parametrize(
    ("size", "count"), [(PART_BYTES + 1, 2), (2 * PART_BYTES - 1, 2), (2 * PART_BYTES, 2), (2 * PART_BYTES + 1, 3)]
)
def test_an_exact_multiple_needs_no_empty_last_part(size: int, count: int) -> None:
    assert len(file_parts(size)) == count


def test_a_file_of_just_one_part_is_not_large() -> None:
    assert not is_large(PART_BYTES)
    assert is_large(PART_BYTES + 1)
