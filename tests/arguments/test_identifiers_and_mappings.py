"""Identifiers and mappings are taken in every form that tasks, templates and forms hand on."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.arguments import identifier, identifiers, mapping
from datalake_ops.errors import ArgumentError
from datalake_ops.wire.data import Data, DataType, MultiData, UploadStatus
from datalake_ops.wire.jobs import Job, JobStatus

LEAVES = st.none() | st.booleans() | st.integers() | st.text()
JSON = LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(st.text(), LEAVES, max_size=3)


def a_data() -> Data:
    return Data(
        id=uuid4(),
        object_name="o",
        filename="a.jpg",
        type=DataType.IMAGE,
        content_type="image/jpeg",
        upload_status=UploadStatus.DONE,
    )


@given(st.lists(st.uuids(), unique=True, min_size=1))
def test_ids_are_the_same_ids_in_every_form(ids: list[UUID]) -> None:
    written = [str(one) for one in ids]
    forms: list[Any] = [ids, tuple(ids), iter(ids), written, json.dumps(written), repr(written), repr(ids), [ids]]

    for form in forms:
        assert identifiers("ids", form) == ids


def test_data_jobs_and_their_json_are_their_ids() -> None:
    data, job = a_data(), Job(id=uuid4(), status=JobStatus.RUNNING)

    assert identifiers("data", [data, job, job.model_dump(mode="json"), data.id]) == [data.id, job.id]
    assert identifiers("data", data) == [data.id]
    assert identifiers("data", MultiData([data])) == [data.id]
    assert identifiers("data", [MultiData([data]), None, [job]]) == [data.id, job.id]


def test_one_id_as_text_is_not_read_letter_by_letter() -> None:
    one = uuid4()

    assert identifiers("data", str(one)) == [one]
    assert identifiers("data", f" {one}\n") == [one]


@pytest.mark.parametrize("value", [[], (), "", " ", "[]", [None], [[]]], ids=repr)
def test_no_ids_are_given_and_empty(value: object) -> None:
    assert identifiers("ids", value) == []


@pytest.mark.parametrize(
    "value", ["no id", 7, 1.5, True, [uuid4(), "x"], {"name": "a"}, [[["deep"]]], object()], ids=repr
)
def test_what_has_no_id_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match="UUIDs"):
        identifiers("ids", value)


def test_a_summary_is_refused_with_the_name_under_which_it_holds_the_ids() -> None:
    with pytest.raises(ArgumentError, match=r"write \['data_ids'\] behind it"):
        identifiers("data_ids", {"data_ids": [str(uuid4())]})


def test_one_identifier_is_one() -> None:
    one = uuid4()

    assert identifier("job_id", [str(one)]) == one
    assert identifier("job_id", None) is None
    for value in ([], [one, uuid4()], ""):
        with pytest.raises(ArgumentError, match="one identifier"):
            identifier("job_id", value)


@given(st.dictionaries(st.text(), JSON))
def test_a_mapping_is_the_same_mapping_in_every_form(value: dict[str, Any]) -> None:
    for form in (value, json.dumps(value), repr(value)):
        assert mapping("parameters", form) == value


def test_ids_may_be_keys_and_blank_text_is_the_empty_mapping() -> None:
    one = uuid4()

    assert mapping("change", {one: {}}) == {one: {}}
    assert mapping("change", " ") == {}
    assert mapping("change", None) is None


@pytest.mark.parametrize("value", ["a", "[1]", "{a: 1}", [("a", 1)], 7, {1: 2}], ids=repr)
def test_what_is_no_mapping_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^change cannot be .*mapping"):
        mapping("change", value)
