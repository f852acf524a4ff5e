"""Moments of the wire: the forms of ISO 8601 that are read, their normal form, and what is no moment.

The values are those of ISO 8601-1:2019 (5.2.2 calendar dates, 5.2.3 week dates, 5.3.1 times of day, 5.3.4 zones) and,
for the end of a day, of its amendment 1:2022; Python's `datetime.fromisoformat` agrees where it reads the form.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.wire import moments

FORMS = {
    "2024-03-01T10:00:00": "2024-03-01T10:00:00",
    "2024-03-01 10:00": "2024-03-01T10:00:00",
    "2024-03-01t10": "2024-03-01T10:00:00",
    "2024-03-01": "2024-03-01T00:00:00",
    "20240301": "2024-03-01T00:00:00",
    "20240301T1000": "2024-03-01T10:00:00",
    "20240301T100005": "2024-03-01T10:00:05",
    "2024-W09-5T10:00:00": "2024-03-01T10:00:00",
    "2024W095T10": "2024-03-01T10:00:00",
    "2024-W09": "2024-02-26T00:00:00",
    "2020-W53-7": "2021-01-03T00:00:00",
    "2024-03-01T10:00:05.5": "2024-03-01T10:00:05.5",
    "2024-03-01T10:00:05,250": "2024-03-01T10:00:05.25",
    "2024-03-01T10:00:05.123456789": "2024-03-01T10:00:05.123456",
    "2024-03-01T10:00:05.000Z": "2024-03-01T10:00:05Z",
    "2024-03-01T10:00:00Z": "2024-03-01T10:00:00Z",
    "2024-03-01T10:00:00z": "2024-03-01T10:00:00Z",
    "2024-03-01T10:00:00+00:00": "2024-03-01T10:00:00Z",
    "2024-03-01T10:00:00-00:00": "2024-03-01T10:00:00Z",
    "2024-03-01T10:00:00+05:30": "2024-03-01T10:00:00+05:30",
    "2024-03-01T10:00:00+0530": "2024-03-01T10:00:00+05:30",
    "2024-03-01T10:00:00 -0330": "2024-03-01T10:00:00-03:30",
    "2024-03-01T10:00:00+02": "2024-03-01T10:00:00+02:00",
    "20240301T100000.5+0530": "2024-03-01T10:00:00.5+05:30",
    "1890-01-01T00:00:00+00:19:32": "1890-01-01T00:00:00+00:19:32",
    "2024-02-29T24:00": "2024-03-01T00:00:00",
    " 2024-03-01T10:00:00\n": "2024-03-01T10:00:00",
}
NO_MOMENTS = [
    "", "yesterday", "1709280000", "2024", "2024-03", "202403", "2024-060", "24-03-01", "0000-01-01", "2024-13-01",
    "2024-02-30", "2023-W53-1", "2024-W10-8", "2024-03-01T25:00", "2024-03-01T24:00:01", "2024-03-01T10:60",
    "2024-03-01T10:00:60", "2024-03-01T1", "2024-03-01T10:0000", "2024-0301", "2024-03T10:00", "2024-03-01x10:00",
    "2024-03-01T10:00+24:00", "2024-03-01T10:00+02:60", "2024-03-01+02:00", "0001-01-01T00:00+01:00",
    "9999-12-31T24:00", "٢٠٢٤-03-01",
]  # fmt: skip


@pytest.mark.parametrize(("text", "normal"), FORMS.items())
def test_a_moment_has_one_normal_form(text: str, normal: str) -> None:
    assert moments.normalize(text) == normal
    assert moments.normalize(normal) == normal


@pytest.mark.parametrize("text", NO_MOMENTS)
def test_what_is_no_date_and_time_is_none(text: str) -> None:
    assert moments.normalize(text) is None


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024-W09", "2024-02-26T00:00:00Z", "2024-03-04T00:00:00Z"),
        ("2024W095", "2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z"),
        ("20240301T10+0530", "2024-03-01T04:30:00Z", "2024-03-01T05:30:00Z"),
        ("2024-12", "2024-12-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2024-03-01T10:00:05,25", "2024-03-01T10:00:05.25Z", "2024-03-01T10:00:05.250001Z"),
    ],
)
def test_a_short_form_is_a_period(text: str, start: str, end: str) -> None:
    moment = moments.parse(text)

    assert moment is not None
    assert tuple(map(moments.render, moment.period())) == (start, end)


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),
    st.none() | st.integers(-86_399, 86_399).map(lambda seconds: timezone(timedelta(seconds=seconds))),
)
def test_every_moment_is_read_from_its_normal_form(moment: datetime, zone: timezone | None) -> None:
    moment = moment.replace(tzinfo=zone)

    found = moments.parse(moments.render(moment))

    assert found is not None
    assert (found.start, found.start.utcoffset()) == (moment, moment.utcoffset())
