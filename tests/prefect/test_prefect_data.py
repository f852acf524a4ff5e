"""The tasks `list_data` and `tag_data`."""

from __future__ import annotations

from typing import Any

import pytest
from prefect import flow

from datalake_ops.errors import ConfigurationError, NoDataError
from datalake_ops.hook import DatalakeHook
from prefect_tasks import DatalakeCredentials, find_data, list_data, tag_data, update_data

pytestmark = pytest.mark.usefixtures("prefect_api")


def test_lists_the_ids_that_match_in_order(credentials: DatalakeCredentials, some_data: list[str]) -> None:
    @flow
    def listed() -> list[str]:
        return list_data(credentials, tags="ingested", order_by=["-filename"], limit=2)

    assert listed() == [some_data[2], some_data[1]]


def test_lists_by_query_and_tags_together(credentials: DatalakeCredentials, some_data: list[str]) -> None:
    @flow
    def listed() -> list[str]:
        return list_data(credentials, tags=["ingested"], q='filename = "0.png" or filename = "1.png"')

    assert sorted(listed()) == sorted(some_data[:2])


def test_fails_when_nothing_matches_if_it_is_to(credentials: DatalakeCredentials) -> None:
    @flow
    def listed() -> list[str]:
        return list_data(credentials, tags="no such tag", on_empty="fail")

    with pytest.raises(NoDataError):
        listed()


def test_puts_tags_on_and_takes_others_away(
    lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]
) -> None:
    @flow
    def tagged() -> int:
        return tag_data(credentials, some_data[:2], add=["seen", "good"], remove="ingested")

    assert tagged() == 2
    assert lake.count_data(tags=["seen", "good"], intersect_tags=True) == 2
    assert lake.count_data(tags="ingested") == 1


def test_tags_what_a_filter_finds(lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]) -> None:
    @flow
    def tagged() -> int:
        return tag_data(credentials, tags="ingested", q='filename = "0.png"', add="first")

    assert tagged() == 1
    assert [str(one) for one in lake.list_data(tags="first").ids] == some_data[:1]


@pytest.mark.parametrize("which", [{}, {"data": ["x"], "tags": "ingested"}])
def test_asks_for_either_ids_or_filters(credentials: DatalakeCredentials, which: dict[str, object]) -> None:
    @flow
    def tagged() -> int:
        return tag_data(credentials, add="all", **which)

    with pytest.raises(ConfigurationError, match=r"tag_data (needs its|takes) data"):
        tagged()


def test_every_look_and_every_change_is_made_anew_also_in_a_flow_that_keeps_its_results(
    lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]
) -> None:
    seen: list[Any] = []

    @flow(persist_result=True)
    def watched() -> None:
        for _ in range(2):
            tag_data(credentials, some_data[:1], add="seen")
            update_data(credentials, {some_data[0]: {"tags": ["changed"]}})
            seen.append((list_data(credentials, tags="ingested"), find_data(credentials, id=some_data[0])["tags"]))
            lake.remove_tags(some_data[:1], ["ingested", "seen", "changed"])

    watched()

    (before, tags), (after, tags_again) = seen
    assert sorted(before) == sorted(some_data)
    assert sorted(after) == sorted(some_data[1:])
    assert sorted(tags) == ["changed", "ingested", "seen"]
    assert sorted(tags_again) == ["changed", "seen"]
