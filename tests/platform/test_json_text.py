"""The reader of JSON: what it takes, what it refuses, and the place it names."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.platform.http.json_text import JsonLimits, JsonTextError, parse_json
from tests.platform.lakes import LakeApi

LIMITS = JsonLimits(levels=3, digits=10, keys=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@given(VALUES)
def test_reads_what_json_writes(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [[1]]}',
        "[" + "1," * 500 + "1]",
        '["' + "1" * 500 + '"]',
        '["\\"' + "1" * 500 + '", "\\\\"]',
        '["[[[[[[", "::::"]',
        "1234567890",
        '{"a": 1, "b": 2, "c": {"a": 1, "b": 2, "c": 3}}',
    ],
)
def test_takes_what_keeps_the_limits(text: str) -> None:
    assert parse_json(text, LIMITS) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[[[]]]]", "nested more than 3 levels: at 0.0.0"),
        ('{"a": {"b": [{}]}}', "nested more than 3 levels: at a.b.0"),
        ('{"a": {"1": 1, "2": 1, "3": 1, "4": 1}}', "more than 3 keys: at a"),
        ('{"1": 1, "2": 1, "3": 1, "4": 1}', "more than 3 keys: at the top"),
        ('{"a":\n 12345678901}', "more than 10 digits: line 2 column 2"),
        ('["\\"12345678901", 12345678901]', "more than 10 digits: line 1 column 19"),
        ("[" * 3000, "nested more than 3 levels: line 1 column 4"),
        ('["]]]","\\\\"' + "]" * 9, "line 1"),
        ("1e400", "line 1 column 1"),
        ("NaN", "line 1 column 1"),
        ("{", "line 1 column 2"),
    ],
)
def test_says_where_a_text_breaks_a_rule(text: str, words: str) -> None:
    with pytest.raises(JsonTextError, match=words):
        parse_json(text, LIMITS)


def test_nested_metadata_are_refused_with_their_place(lake: LakeApi) -> None:
    data = lake.a_data()

    answers = [
        lake.register(data["object_name"], custom_metadata=nested(100)),
        lake.call("PATCH", f"/api/data/{data['id']}/custom-metadata", {"custom_metadata": nested(100)}),
        lake.call("PATCH", f"{lake.path}/data/bulk", {"objects": {data["id"]: {"custom_metadata": nested(100)}}}),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert all("64 levels: at " in answer.text and "custom_metadata.a.a" in answer.text for answer in answers)


def test_what_is_as_deep_as_allowed_is_kept(lake: LakeApi) -> None:
    custom = nested(60)

    data = lake.a_data(custom_metadata=custom)

    assert lake.json("GET", f"/api/data/{data['id']}")["custom_metadata"] == custom


def test_a_long_number_is_refused_wherever_json_is_read(lake: LakeApi) -> None:
    number = "1" * 5000
    data = lake.a_data()
    text = f'{{"a": {number}}}'
    headers = {"X-Datalake-Job-Labels": text}

    answers = [
        lake.call("GET", f"{lake.path}/datas?custom_metadata={quote(text)}"),
        lake.call("POST", f"{lake.path}/objects", {"prefixes": ["none/"]}, headers),
        lake.raw("PATCH", f"/api/data/{data['id']}", f'{{"metadata": {{"latitude": {number}}}}}'.encode()),
        lake.raw("POST", f"{lake.path}/datas", f'{{"custom_metadata": {text}}}'.encode()),
    ]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert all("64 digits: line 1 column" in answer.text for answer in answers)


def test_nested_labels_are_refused(lake: LakeApi) -> None:
    headers = {"X-Datalake-Job-Labels": json.dumps(nested(100))}

    answer = lake.call("POST", f"{lake.path}/objects", {"prefixes": ["none/"]}, headers)

    assert answer.status_code == 400
    assert "64 levels: at a.a" in answer.text


@pytest.mark.parametrize("policy", [nested(100), nested(2), {str(key): "x" for key in range(17)}])
def test_a_policy_that_is_not_flat_is_refused(lake: LakeApi, policy: dict[str, Any]) -> None:
    form = lake.form(lake.object_name())

    answer = lake.send_form(form, b"x", policy=base64.b64encode(json.dumps(policy).encode()).decode())

    assert answer.status_code == 400
    assert "at " in answer.json()["message"]


def test_a_filter_of_many_keys_is_refused_and_one_of_a_hundred_answered(lake: LakeApi) -> None:
    def listing(count: int) -> Any:
        keys = {f"k{number}": 1 for number in range(count)}
        return lake.call("GET", f"{lake.path}/datas?custom_metadata={quote(json.dumps(keys))}")

    assert listing(100).status_code == 200
    refused = listing(101)
    assert refused.status_code == 400
    assert "more than 100 keys: at the top" in refused.text


def test_a_cursor_of_many_digits_is_refused(lake: LakeApi) -> None:
    answers = [
        lake.call("GET", f"{lake.path}/changes?cursor={'1' * 5000}"),
        lake.call("GET", f"{lake.path}/datas?cursor={base64.urlsafe_b64encode(b'[' + b'1' * 5000 + b']').decode()}"),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
