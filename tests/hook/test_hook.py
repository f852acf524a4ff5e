"""The hook against a running platform: races, repeated requests, bad arguments, bulk changes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from datalake_ops import DatalakeHook
from datalake_ops.errors import (
    ArgumentError,
    ConfigurationError,
    InvalidQueryError,
    NotFoundError,
)
from datalake_ops.testing import PlatformServer


@pytest.mark.parametrize("verb", ["get_or_create_data_tag", "get_or_create_data_source"])
def test_many_threads_that_create_one_name_get_one_object(hook: DatalakeHook, verb: str) -> None:
    name = f"raced-{uuid4().hex[:6]}"
    gate = threading.Barrier(8)

    def create() -> object:
        gate.wait()
        return getattr(hook, verb)(name).id

    with ThreadPoolExecutor(8) as pool:
        ids = {future.result() for future in [pool.submit(create) for _ in range(8)]}

    assert len(ids) == 1


def test_a_tag_whose_creation_was_not_answered_is_found(hook: DatalakeHook, datalake_platform: PlatformServer) -> None:
    fault = datalake_platform.script_fault("POST", "/tags$", drop=True)

    tag = hook.create_data_tag("lost")

    assert datalake_platform.faults_met(fault) == 1
    assert [tag] == hook.list_data_tags()


def test_a_tag_name_with_quotes_is_found_again(hook: DatalakeHook, photo: Path) -> None:
    name = 'say "yes" \\ or "no" and more'
    hook.upload_data(photo, tags=[name])

    assert hook.list_data(tags=[name], q='filename = "x" or filename = "car.jpg"')[0].filename == "car.jpg"


def test_reads_are_repeated_until_the_platform_answers(hook: DatalakeHook, datalake_platform: PlatformServer) -> None:
    hook.test_connection()
    fault = datalake_platform.script_fault("GET", "/tags$", status=503, count=2)

    assert hook.list_data_tags() == []
    assert datalake_platform.faults_met(fault) == 2


def test_unknown_ids_are_not_found(hook: DatalakeHook) -> None:
    with pytest.raises(NotFoundError):
        hook.get_job(uuid4())
    with pytest.raises(NotFoundError):
        hook.get_data(uuid4())
    with pytest.raises(NotFoundError):
        hook.get_processing("no such processing")


def test_bad_query_text_says_where_it_is_wrong(hook: DatalakeHook) -> None:
    with pytest.raises(InvalidQueryError, match="column"):
        hook.list_data(q='filename = "a" nad width > 3')


@pytest.mark.parametrize(
    "arguments",
    [{"limit": 0}, {"offset": -1}, {"ids": ["x"]}, {"ids": [uuid4()], "filenames": ["a"]}],
    ids=str,
)
def test_listings_that_contradict_themselves_are_refused_before_anything_is_sent(
    hook: DatalakeHook, datalake_platform: PlatformServer, arguments: dict[str, object]
) -> None:
    datalake_platform.clear_requests()

    with pytest.raises(ConfigurationError):
        hook.list_data(**arguments)  # type: ignore[arg-type]

    assert not datalake_platform.requests()


def test_find_needs_something_to_look_for(hook: DatalakeHook) -> None:
    with pytest.raises(ConfigurationError, match="filename"):
        hook.find_data()


def test_counting_fetches_no_data(hook: DatalakeHook, photo: Path) -> None:
    hook.upload_data([photo, photo, photo], tags=["three"])

    assert hook.count_data(tags=["three"]) == 3
    assert hook.count_data(q='filename = "nowhere"') == 0


def test_merged_changes_keep_the_keys_that_they_do_not_name(hook: DatalakeHook, photo: Path) -> None:
    [data] = hook.upload(photo, metadata={"weather": "rain"}, custom_metadata={"shift": "night"}).data

    hook.update_multiple_data({data.id: {"custom_metadata": {"seen": True}, "tags": ["seen"]}}, merge=True)
    merged = hook.get_data(data.id)
    hook.update_multiple_data({data.id: {"custom_metadata": {"only": 1}}})

    assert merged.custom_metadata == {"shift": "night", "seen": True}
    assert (merged.metadata or {})["weather"] == "rain"
    assert [tag.name for tag in merged.tags or ()] == ["seen"]
    assert hook.get_data(data.id).custom_metadata == {"only": 1}


def test_what_json_has_no_form_for_is_refused_before_anything_is_sent(
    hook: DatalakeHook, datalake_platform: PlatformServer, photo: Path
) -> None:
    [data] = hook.upload(photo).data
    datalake_platform.clear_requests()

    with pytest.raises(ConfigurationError, match="cannot be sent as JSON"):
        hook.update_multiple_data({data.id: {"custom_metadata": {"camera": object()}}})

    assert [one for one in datalake_platform.requests() if one["method"] != "GET"] == []


def test_many_data_are_tagged_some_at_a_time(
    hook: DatalakeHook, datalake_platform: PlatformServer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datalake_ops.hook.tags._TAGGED_AT_ONCE", 2)
    data = [hook.upload(photo).data[0] for _ in range(5)]
    datalake_platform.clear_requests()

    assert hook.add_tags(data, "many") == 5
    assert hook.count_data(tags="many") == 5
    assert sum(request["path"].endswith("/attach") for request in datalake_platform.requests()) == 3


def test_numbers_in_text_form_and_a_single_name_to_order_by_are_taken(
    hook: DatalakeHook, photo: Path, tmp_path: Path
) -> None:
    assert hook.upload(photo, max_workers="4", tags=["b", "a"]).counts()["UPLOADED"] == 1  # type: ignore[arg-type]
    assert len(hook.list_data(limit=2**70)) == 1
    assert len(hook.download(hook.list_data(), tmp_path / "copies", max_workers="2")) == 1  # type: ignore[arg-type]
    assert [tag.name for tag in hook.list_data_tags(order_by="name", limit="2")] == ["a", "b"]  # type: ignore[arg-type]
    assert hook.list_processings(order_by="name")  # type: ignore[arg-type]
    assert hook.list_data_sources(limit="1") is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("tail", ["x", 0, -1, 1.5])
def test_a_tail_of_a_log_is_a_number_of_lines(hook: DatalakeHook, tail: Any) -> None:
    with pytest.raises(ArgumentError, match="tail"):
        hook.job_log(uuid4(), tail=tail)
