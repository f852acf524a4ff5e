"""Filters and positions of a change feed, decided without a platform."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.errors import ArgumentError, ConfigurationError
from datalake_ops.watching.filters import DataWatch, FeedPosition, JobWatch, pairs, watch_key
from datalake_ops.wire.changes import ChangedData, EndedJob
from datalake_ops.wire.jobs import JobStatus


def changed(**facts: object) -> ChangedData:
    return ChangedData(id=uuid4(), **facts)


def ended(**facts: object) -> EndedJob:
    return EndedJob(**{"id": uuid4(), "status": JobStatus.SUCCEEDED, **facts})


RAW = DataWatch(tags=("raw",))


def test_data_that_became_ready_are_new_to_a_watch_of_the_whole_lake() -> None:
    assert DataWatch().matches(changed(became_ready=True))


def test_a_tag_that_nobody_asked_for_makes_nothing_new() -> None:
    old = changed(tagged=("done",), tags=("raw", "done"))

    assert not DataWatch().matches(old)
    assert not RAW.matches(old)


def test_a_tag_put_on_old_data_makes_them_new_to_who_watches_it() -> None:
    assert RAW.matches(changed(tagged=("raw",), tags=("raw", "old")))


def test_data_are_new_with_the_last_of_the_tags() -> None:
    both = DataWatch(tags=("raw", "night"))

    assert not both.matches(changed(became_ready=True, tagged=("raw",), tags=("raw",)))
    assert both.matches(changed(tagged=("night",), tags=("raw", "night")))


def test_tagged_data_are_not_new_before_the_platform_has_read_them() -> None:
    assert not RAW.matches(changed(tagged=("raw",), tags=("raw",), ready=False))
    assert RAW.matches(changed(became_ready=True, tags=("raw",)))


def test_what_the_watcher_makes_itself_can_be_excluded_by_tag_and_by_source() -> None:
    own = DataWatch(tags=("raw",), exclude_tags=("derived",), exclude_sources=("night-job",))

    assert not own.matches(changed(became_ready=True, tags=("raw", "derived")))
    assert not own.matches(changed(became_ready=True, tags=("raw",), source="night-job"))
    assert own.matches(changed(became_ready=True, tags=("raw",), source="camera"))
    assert own.matches(changed(became_ready=True, tags=("raw",)))


def test_data_of_another_source_are_not_new() -> None:
    watch = DataWatch(source="camera")

    assert watch.matches(changed(became_ready=True, source="camera"))
    assert not watch.matches(changed(became_ready=True))


def test_the_platform_is_asked_only_for_what_changes_do_not_tell() -> None:
    watch = DataWatch(("raw",), "camera", "width > 1", ("own",), ("job",))

    assert watch.query() == "width > 1"
    assert RAW.query() == ""
    everything = watch.query(everything=True)
    for part in ('tags.name = "raw"', "width > 1", '"camera"', 'tags.name != "own"', 'data_source.name != "job"'):
        assert part in everything


def test_a_watch_that_excludes_what_it_asks_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="matches nothing"):
        DataWatch(tags=("raw",), exclude_tags=("raw",))


def test_jobs_are_chosen_by_processing_labels_and_status() -> None:
    watch = JobWatch("thumbnails", pairs({"team": "a"}), pairs({"dag_id": "own"}))

    assert watch.matches(ended(processing="thumbnails", labels={"team": "a", "more": "x"}))
    assert not watch.matches(ended(processing="other", labels={"team": "a"}))
    assert not watch.matches(ended(processing="thumbnails"))
    assert not watch.matches(ended(processing="thumbnails", labels={"team": "a", "dag_id": "own"}))
    assert not watch.matches(ended(processing="thumbnails", labels={"team": "a"}, status=JobStatus.FAILED))


def test_what_is_remembered_serves_only_the_same_watch() -> None:
    assert watch_key("lake", RAW) == watch_key("lake", DataWatch(tags=("raw",)))
    assert len({watch_key("lake", RAW), watch_key("other", RAW), watch_key("lake", DataWatch()), watch_key(1)}) == 4


@given(st.integers(1, 8), st.data())
def test_a_place_passes_what_is_kept_in_any_rhythm_and_forgets_nothing_that_is_not(
    told: int, data: st.DataObject
) -> None:
    place = FeedPosition("0")
    waiting: list[str] = []
    kept = 0
    for number in range(1, told + 1):
        place = place.delivering(str(number))
        waiting.append(str(number))
        while waiting and data.draw(st.booleans()):
            place = place.acknowledging(waiting.pop(0))
            kept += 1
        assert (place.cursor, place.pending) == (str(kept), tuple(waiting))
        assert FeedPosition.from_json(place.to_json()) == place
        assert place.end == str(number)


def test_a_place_where_nothing_was_told_moves_on_only_when_nothing_is_pending() -> None:
    assert FeedPosition("1").skipping("2") == FeedPosition("2")
    assert FeedPosition("1", ("2",)).skipping("3") == FeedPosition("1", ("2",))
    assert FeedPosition("1").acknowledging("9") == FeedPosition("1")


@pytest.mark.parametrize("value", [None, {}, {"version": 2, "cursor": "1", "pending": []}, "1"])
def test_a_place_that_another_version_wrote_is_none(value: object) -> None:
    assert FeedPosition.from_json(value) is None


@pytest.mark.parametrize("blank", [{"source": ""}, {"q": " "}, {"tags": ("",)}, {"exclude_tags": (" ",)}], ids=str)
def test_a_watch_with_a_blank_filter_is_refused(blank: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"^{next(iter(blank))} cannot be"):
        DataWatch(**blank)


def test_a_watch_for_jobs_of_a_blank_processing_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^processing cannot be ''"):
        JobWatch(processing="")
