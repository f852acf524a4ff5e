"""A quality gate judges counts purely, and says which rule is broken and by how much."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.errors import ArgumentError, ConfigurationError
from datalake_ops.quality_gate import Rule, broken_rules


@pytest.mark.parametrize(
    ("rule", "count", "words"),
    [
        ({"min_count": 10}, 9, "9 of 20 data are in all (45.0%), at least 10 are wanted"),
        ({"tags": "blurred", "max_share": 0.2}, 7, "7 of 20 data are tagged blurred (35.0%), at most 20.0% may be"),
        (
            {"tags": ["dark", "blurred"], "q": "width < 100", "max_count": 0},
            1,
            "1 of 20 data are tagged dark or blurred with width < 100 (5.0%), at most 0 may be",
        ),
        (
            {"tags": ["a", "b"], "intersect_tags": True, "min_share": 0.5},
            9,
            "9 of 20 data are tagged a and b (45.0%), at least 50.0% are wanted",
        ),
    ],
)
def test_a_broken_rule_says_what_is_wrong(rule: dict[str, Any], count: int, words: str) -> None:
    assert Rule.of(rule).broken_by(count, 20) == words


@given(st.integers(1, 1000), st.data())
def test_a_rule_holds_exactly_within_its_limits(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    low, high = sorted((data.draw(st.integers(0, total)), data.draw(st.integers(0, total))))

    by_count = Rule(min_count=low, max_count=high).broken_by(count, total)
    by_share = Rule(min_share=low / total, max_share=high / total).broken_by(count, total)

    assert (by_count is None) == (low <= count <= high) == (by_share is None)


def test_an_empty_selection_breaks_every_gate() -> None:
    assert broken_rules([Rule(max_count=0)], [0], 0) == ["there are no data at all"]


def test_a_rule_asks_for_its_data_in_query_language() -> None:
    assert (
        Rule.of({"tags": ["a"], "q": "x = 1 or y = 2", "max_count": 0}).query
        == '(x = 1 or y = 2) and (tags.name in ("a"))'
    )
    assert Rule(min_count=1).query == ""


@pytest.mark.parametrize("wrong", [{}, {"tags": ["a"]}, {"max_share": 1.5}, {"min_count": -1}, {"share": 0.5}])
def test_a_rule_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Rule.of(wrong)


@pytest.mark.parametrize("field", ["tags", "q", "intersect_tags", "min_count", "max_count", "min_share", "max_share"])
def test_a_field_of_a_rule_that_is_none_is_refused_by_name(field: str) -> None:
    with pytest.raises(ArgumentError, match=f"{field} cannot be None"):
        Rule.of({"min_count": 1, "max_share": 0.5, field: None})


@pytest.mark.parametrize("wrong", [None, "min_count", ["min_count"]], ids=repr)
def test_what_is_no_mapping_is_no_rule(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="rule cannot be"):
        Rule.of(wrong)


@pytest.mark.parametrize("empty", [{"tags": []}, {"tags": ""}, {"tags": [""]}, {"q": " "}, {"tags": ["a"], "q": ""}])
def test_a_rule_with_an_empty_choice_is_of_no_data(empty: dict[str, Any]) -> None:
    rule = Rule.of({**empty, "min_count": 1})

    assert rule.is_empty
    assert "empty rule" in str(rule.broken_by(0, 20))


def test_a_rule_takes_its_values_in_text_form() -> None:
    given = {"tags": "['a', 'b']", "intersect_tags": "true", "min_count": "2", "max_share": "0.5"}

    assert Rule.of(given) == Rule(("a", "b"), None, True, min_count=2, max_share=0.5)


@pytest.mark.parametrize("wrong", [{"min_count": "few"}, {"max_share": [1]}, {"tags": [1.5], "max_count": 0}])
def test_a_value_that_is_not_of_its_field_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError) as refused:
        Rule.of(wrong)

    assert refused.value.field in wrong
