"""What a function task that uses the hook is seen to read and write, where Airflow collects hook lineage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.hooks.datalake import DatalakeHook
from datalake_ops.hook import DatalakeHook as SharedHook
from tests.airflow.versions import first_of

HookLineageCollector = first_of("airflow.sdk.lineage:HookLineageCollector", "airflow.lineage.hook:HookLineageCollector")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Airflow's own collector, which it has only where a plugin reads it."""
    made = HookLineageCollector()
    monkeypatch.setattr("airflow.providers.common.compat.sdk.get_hook_lineage_collector", lambda: made, raising=False)
    return made


def uris(collector: Any) -> tuple[dict[str, int], dict[str, int]]:
    found = collector.collected_assets
    return tuple({one.asset.uri: one.count for one in side} for side in (found.inputs, found.outputs))


def test_an_upload_writes_the_data_of_its_tags(
    lake: SharedHook, collector: Any, an_image: Callable[[str], Path]
) -> None:
    with DatalakeHook() as hook:
        hook.datalake.upload_data(an_image("one.png"), tags=["raw", "night"], source="camera")

    inputs, outputs = uris(collector)
    # Verbs inside a verb are not told of again.
    assert (inputs, outputs) == ({}, {str(lake.lake_uri(["raw", "night"], "camera")): 1})


@pytest.mark.usefixtures("some_data")
def test_a_listing_reads_what_it_asks_for(lake: SharedHook, collector: Any) -> None:
    with DatalakeHook() as hook:
        hook.datalake.list_data(tags=["demo"], q="width > 1")
        hook.datalake.count_data(tags=["demo", "other"])
        hook.datalake.count_data(tags=["demo", "demo2"], intersect_tags=True)

    inputs, outputs = uris(collector)
    asked = (lake.lake_uri(["demo"], q="width > 1"), lake.lake_uri(), lake.lake_uri(["demo", "demo2"]))
    assert (set(inputs), outputs) == ({str(uri) for uri in asked}, {})


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("chosen", [{"tags": []}, {"tags": [" "]}, {"q": ""}])
def test_a_count_by_an_empty_choice_reads_nothing(chosen: dict[str, Any], collector: Any) -> None:
    with DatalakeHook() as hook:
        assert hook.datalake.count_data(**chosen) == 0

    assert uris(collector) == ({}, {})


def test_tagging_writes_the_data_of_the_tag(lake: SharedHook, some_data: list[str], collector: Any) -> None:
    with DatalakeHook() as hook:
        hook.datalake.add_tags(some_data, ["checked"])

    assert uris(collector)[1] == {str(lake.lake_uri(["checked"])): 1}


@pytest.mark.usefixtures("lake")
def test_a_verb_that_fails_tells_nothing(collector: Any) -> None:
    with DatalakeHook() as hook, pytest.raises(LookupError):
        hook.datalake.find_data(filename="nothing.png")

    assert uris(collector) == ({}, {})


@pytest.mark.needs_airflow("3.0", "the compatibility package puts its own methods into older collectors")
@pytest.mark.usefixtures("lake")
def test_a_collector_that_breaks_breaks_no_verb(collector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "create_asset", lambda **_: 1 / 0)

    with DatalakeHook() as hook:
        assert hook.datalake.count_data() == 0


@pytest.mark.usefixtures("lake")
def test_where_nobody_reads_lineage_no_verb_is_reported() -> None:
    with DatalakeHook() as hook:
        assert hook.datalake.on_access is None
