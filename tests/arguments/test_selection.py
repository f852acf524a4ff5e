"""A choice of data is left out, given, or given and empty; the three are never taken for one another."""

from __future__ import annotations

from typing import Any

import pytest

from datalake_ops.arguments import is_choice, is_empty, refuse_empty, require_choice
from datalake_ops.errors import ArgumentError


@pytest.mark.parametrize("value", ["", " ", [], (), set(), {}, [""], [None], [[]], [" ", ""]], ids=repr)
def test_blanks_and_empty_collections_are_empty(value: object) -> None:
    assert is_empty(value)


@pytest.mark.parametrize("value", [None, "a", ["a"], ["", "a"], {"a": None}, 0, False, iter(())], ids=repr)
def test_what_is_left_out_or_holds_something_is_not_empty(value: object) -> None:
    assert not is_empty(value)


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        ({}, False),
        ({"tags": None, "q": None}, False),
        ({"intersect_tags": True, "order_by": ["filename"], "offset": 3}, False),
        ({"limit": 10}, True),
        ({"tags": []}, True),
        ({"q": ""}, True),
    ],
    ids=str,
)
def test_order_offset_and_intersect_alone_choose_nothing(filters: dict[str, Any], chosen: bool) -> None:
    assert is_choice(filters) is chosen


def test_a_verb_that_changes_needs_a_choice_or_everything() -> None:
    require_choice("tag", {"tags": []})
    require_choice("tag", {"tags": None}, everything=True)
    with pytest.raises(ArgumentError, match=r"tag needs a choice of data \(tags, q\); everything=True"):
        require_choice("tag", {"tags": None, "q": None, "offset": 1})
    with pytest.raises(ArgumentError, match="not both"):
        require_choice("tag", {"q": "width > 1"}, everything=True)


def test_an_empty_filter_of_a_sensor_is_refused_with_its_name() -> None:
    refuse_empty({"tags": ["a"], "q": None})
    with pytest.raises(ArgumentError, match=r"^tags cannot be \[\]"):
        refuse_empty({"q": None, "tags": []})
