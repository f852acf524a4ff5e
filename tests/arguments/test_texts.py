"""Texts and lists of texts are normalised without loss, or refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, overload
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.arguments import text, texts
from datalake_ops.errors import ArgumentError
from datalake_ops.wire.tags import Tag, TagTarget

NAMES = st.text(min_size=1).filter(lambda name: name.strip() != "")


class Colour(StrEnum):
    RED = "red"


class LazySequence(Sequence[Any]):
    """A sequence that is no list, as Airflow gives the results of mapped tasks."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)


@given(st.text())
def test_text_is_kept_as_it_is(value: str) -> None:
    assert text("q", value) == value


@given(st.integers())
def test_a_whole_number_becomes_its_text(value: int) -> None:
    assert text("name", value) == str(value)
    assert texts("tags", value) == [str(value)]


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (UUID(int=7), str(UUID(int=7))),
        (Path("a/b.jpg"), "a/b.jpg"),
        (Colour.RED, "red"),
        (Tag(id=uuid4(), name="day", target_type=TagTarget.DATA), "day"),
        (None, None),
    ],
    ids=str,
)
def test_what_has_one_text_becomes_it(value: object, becomes: str | None) -> None:
    assert text("name", value) == becomes


@pytest.mark.parametrize(
    "value", [2026.1, 1e3, True, False, date(2026, 11, 29), datetime(2026, 11, 29), b"raw", ["a"], {"a": 1}], ids=str
)
def test_what_has_lost_its_text_is_refused_with_field_and_value(value: object) -> None:
    with pytest.raises(ArgumentError, match="name cannot be ") as caught:
        text("name", value)

    assert caught.value.field == "name"
    assert type(value).__name__ in str(caught.value)


@given(st.lists(NAMES, min_size=1))
def test_a_list_of_names_is_that_list_in_every_form(names: list[str]) -> None:
    for form in (names, tuple(names), iter(names), LazySequence(names), json.dumps(names), repr(names)):
        # Only an element that is itself the text of a list is opened.
        if not any(name.strip()[0] in "[({" for name in names):
            assert texts("tags", form) == names


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("a, b", ["a, b"]),
        ("['alpha', 'beta']", ["alpha", "beta"]),
        ('["alpha", "beta"]', ["alpha", "beta"]),
        ("('alpha',)", ["alpha"]),
        ("{'b', 'a'}", ["a", "b"]),
        ("[2026]", ["2026"]),
        ("[unfinished", ["[unfinished"]),
        ("(day)", ["(day)"]),
        ([["a"], ["b", "c"]], ["a", "b", "c"]),
        (["['a', 'b']"], ["a", "b"]),
        (20261129, ["20261129"]),
    ],
    ids=str,
)
def test_lists_in_text_form_and_lists_in_lists_are_opened(value: object, becomes: list[str]) -> None:
    assert texts("tags", value) == becomes


@pytest.mark.parametrize("value", [[], (), "", "  ", "[]", [""], ["", " "], [None], set()], ids=repr)
def test_what_is_given_and_empty_is_the_empty_list_and_not_left_out(value: object) -> None:
    assert texts("tags", value) == []


def test_what_is_left_out_stays_left_out() -> None:
    assert texts("tags", None) is None


@pytest.mark.parametrize("value", [["a", ""], ["a", None], [" ", "a"], [1.5], [True], [{"a": 1}]], ids=repr)
def test_a_list_with_something_that_cannot_be_meant_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^tags cannot be "):
        texts("tags", value)


def test_a_blank_element_is_kept_where_it_means_something() -> None:
    assert texts("prefixes", [""], allow_blank=True) == [""]
    assert texts("prefixes", [" "], allow_blank=True) == texts("prefixes", ["", ""], allow_blank=True) == []
    with pytest.raises(ArgumentError, match="blank"):
        texts("prefixes", ["in/", ""], allow_blank=True)
    assert texts("prefixes", "", allow_blank=True) == []


def test_none_is_no_blank_text_where_blanks_are_kept() -> None:
    assert texts("prefixes", [None], allow_blank=True) == []
    assert texts("prefixes", ["", None], allow_blank=True) == []
    with pytest.raises(ArgumentError, match="blank"):
        texts("prefixes", ["a/", None], allow_blank=True)
