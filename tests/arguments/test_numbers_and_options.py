"""Numbers, durations and options are taken in every form, and shown without secrets where they are refused."""

from __future__ import annotations

import math
import pickle
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.arguments import choice, fill, flag, number, positive_seconds, refusal, seconds, shown, whole_number
from datalake_ops.errors import ArgumentError

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.integers(min_value=-(2**53), max_value=2**53))
def test_a_whole_number_is_itself_in_every_form(value: int) -> None:
    for form in (value, str(value), f" {value} ", float(value), Decimal(value)):
        assert whole_number("limit", form) == value


@given(FINITE)
def test_a_number_is_itself_in_every_form(value: float) -> None:
    for form in (value, str(value), repr(value)):
        assert number("share", form) == value


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_a_duration_is_its_seconds_in_every_form(value: timedelta) -> None:
    for form in (value, value.total_seconds(), str(value), str(value.total_seconds())):
        assert seconds("timeout", form) == pytest.approx(value.total_seconds())


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, "nan", "inf", -1, "-1", timedelta(seconds=-1), "", "soon", True, []]
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^timeout cannot be .*seconds"):
        seconds("timeout", value)


@pytest.mark.parametrize("value", [0, "0", 0.0, timedelta(0), "0:00:00", -1, "soon"])
def test_a_wait_takes_some_time(value: object) -> None:
    with pytest.raises(ArgumentError, match="timeout cannot be"):
        positive_seconds("timeout", value)


@pytest.mark.parametrize("value", ["", "None", "ten", True, False, 1.5, "1.5", math.nan, math.inf, [], b"1"], ids=repr)
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^limit cannot be .*whole number"):
        whole_number("limit", value)


def test_bounds_are_kept() -> None:
    assert whole_number("limit", "1", at_least=1) == 1
    with pytest.raises(ArgumentError, match="at least 1"):
        whole_number("limit", 0, at_least=1)
    with pytest.raises(ArgumentError, match=r"at least 0\.5"):
        number("share", 0.4, at_least=0.5)


def test_what_is_left_out_stays_left_out() -> None:
    assert [number("f", None), whole_number("f", None), seconds("f", None), flag("f", None)] == [None] * 4
    assert choice("f", None, ["a"]) is None


@pytest.mark.parametrize(
    ("value", "becomes"),
    [(True, True), ("True", True), ("no", False), ("FALSE ", False), (1, True), (0, False), ("on", True)],
    ids=repr,
)
def test_a_flag_is_read_from_its_words(value: object, becomes: bool) -> None:
    assert flag("merge", value) is becomes


@pytest.mark.parametrize("value", ["", "maybe", 2, 1.0, [], "None"], ids=repr)
def test_what_is_no_flag_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^merge cannot be .*true or false"):
        flag("merge", value)


@pytest.mark.parametrize(
    ("value", "meant"), [(None, None), (True, True), ("no", False), ("full", "full"), (" Full ", "full"), (1, True)]
)
def test_the_reading_of_exif_is_a_flag_or_full(value: object, meant: object) -> None:
    assert fill("fill_metadata", value) == meant


@pytest.mark.parametrize("value", ["", "all", 2, []], ids=repr)
def test_another_word_for_the_reading_of_exif_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match="write true, false or full"):
        fill("fill_metadata", value)


def test_a_word_that_is_no_option_is_told_the_options_and_the_nearest() -> None:
    assert choice("if_exists", " skip", ["upload", "skip", "error"]) == "skip"
    with pytest.raises(ArgumentError, match=r"write 'upload', 'skip' or 'error'\. Perhaps 'skip' is meant."):
        choice("if_exists", "Skipp", ["upload", "skip", "error"])
    with pytest.raises(ArgumentError, match="write 'upload'"):
        choice("if_exists", True, ["upload"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "https://user:s3cret@x/path"),
        ("host", "https://x/?token=s3cret&a=b"),
        ("header", "Bearer s3cret"),
        ("parameters", {"deep": [{"api_token": "s3cret"}]}),
        ("parameters", '{"password": "s3cret"}'),
        ("source", "api_key=s3cret"),
        ("api_token", "s3cret"),
    ],
)
def test_no_secret_is_shown(field: str, value: object) -> None:
    assert "s3cret" not in str(refusal(field, value, "write another."))


@given(st.text() | st.lists(st.integers()))
def test_a_value_is_shown_short(value: object) -> None:
    assert len(shown(value)) <= 100


def test_a_refusal_crosses_processes() -> None:
    error = pickle.loads(pickle.dumps(refusal("limit", "ten", "write a number.")))

    assert (type(error), error.field, str(error)) == (ArgumentError, "limit", "limit cannot be 'ten': write a number.")
