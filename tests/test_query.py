"""Query text keeps its meaning whatever the names in it hold."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.query import both, quote, tags_query


def test_one_of_several_tags_is_written_as_the_official_sdk_writes_it() -> None:
    assert tags_query(["a", "b"]) == 'tags.name in ("a","b")'


def test_all_of_several_tags_is_one_condition_each() -> None:
    assert tags_query(["a", "b"], intersect=True) == 'tags.name = "a" and tags.name = "b"'


def test_no_tags_ask_nothing() -> None:
    assert tags_query([]) == ""


def test_two_sides_are_parenthesised_so_that_an_or_stays_on_its_side() -> None:
    assert both("a = 1 or b = 2", 'tags.name in ("x")') == '(a = 1 or b = 2) and (tags.name in ("x"))'


def test_an_empty_side_leaves_the_other_as_it_is() -> None:
    assert both("", "a = 1") == both("a = 1", None) == "a = 1"
    assert both(None, "  ") == ""


@given(st.text())
def test_a_quoted_name_is_one_string_and_reads_back_as_itself(name: str) -> None:
    assert json.loads(quote(name)) == name
