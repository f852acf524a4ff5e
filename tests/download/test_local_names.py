from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.download.local_names import local_names, safe_name
from datalake_ops.wire.data import Data


def a_data(number: int, filename: str) -> Data:
    return Data.model_construct(id=UUID(int=number), filename=filename)


@given(st.text())
def test_a_safe_name_never_leads_out_of_its_directory(name: str) -> None:
    safe = safe_name(name)

    assert not set(safe) & set("/\\\0\n")
    assert safe not in (".", "..")
    assert len(safe.encode()) <= 240


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["a.jpg", "A.jpg", "b.jpg", "..", "", "x/" * 200])), max_size=12
    )
)
def test_different_data_never_share_a_file(rows: list[tuple[int, str]]) -> None:
    filename_of = dict(rows)
    data = [a_data(number, filename_of[number]) for number, _ in rows]

    names = local_names(data, use_id=False)

    assert len({name.casefold() for name in names}) == len({one.id for one in data})
    assert all(names)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("plain.jpg", "plain.jpg"),
        ("été 日本 \"q'.jpg", "été 日本 \"q'.jpg"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("a\\b.jpg", "a_b.jpg"),
        ("..", ""),
        (" . ", ""),
        ("é" * 300 + ".jpeg", "é" * 107 + ".jpeg"),
    ],
)
def test_names_stay_as_they_are_but_for_what_is_unsafe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_an_id_takes_the_extension_of_the_file_name() -> None:
    names = local_names([a_data(1, "a.b.JPG"), a_data(2, "none"), a_data(3, "x./y")], use_id=True)

    assert names == [f"{UUID(int=1)}.JPG", str(UUID(int=2)), str(UUID(int=3))]


def test_a_file_that_is_called_by_anothers_id_keeps_its_name_and_its_place() -> None:
    other = f"photo-{UUID(int=3)}.jpg"

    names = local_names([a_data(1, other), a_data(2, "photo.jpg"), a_data(3, "photo.jpg")], use_id=False)

    assert names == [other, "photo.jpg", f"photo-{UUID(int=3)}-2.jpg"]


def test_the_later_of_two_equal_names_gets_its_id() -> None:
    names = local_names([a_data(1, "a.jpg"), a_data(2, "a.jpg"), a_data(1, "a.jpg")], use_id=False)

    assert names == ["a.jpg", f"a-{UUID(int=2)}.jpg", "a.jpg"]
