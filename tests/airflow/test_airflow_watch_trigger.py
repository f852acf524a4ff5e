"""The watchers' trigger in Airflow's own shared stream: told once, kept, and told again only when that is not known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider.triggers.watch import DatalakeDataTrigger, DatalakeJobsTrigger, LakeTrigger
from airflow_provider.watch_events import ended_jobs, new_batches, new_data_ids
from datalake_ops.errors import ArgumentError, ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.server import PlatformServer

# Only Airflow 3.3 and newer drive triggers like this.
SharedStreamManager = pytest.importorskip("airflow.triggers.shared_stream").SharedStreamManager
Add = Callable[..., str]
SECONDS = 240.0


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scheduler makes runs of these events, so none has to be waited for."""
    monkeypatch.setattr("airflow_provider.triggers.watch_cursor.EVENT_SPACING_SECONDS", 0.0)


class Store:
    """Stands in for Airflow's store of an asset, which only a triggerer can reach."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.written = 0

    async def aget(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self.values[key] = value
        self.written += 1

    @property
    def place(self) -> dict[str, Any]:
        [value] = self.values.values()
        return dict(value)


class Triggerer:
    """The part of Airflow's triggerer that drives triggers and keeps their events."""

    def __init__(self) -> None:
        self.streams = SharedStreamManager()
        self.fired: list[dict[str, Any]] = []
        self.keeps = True
        self._tasks: list[asyncio.Task[None]] = []
        self._number = 0
        self._unkept: list[Any] = []

    def start(self, trigger: LakeTrigger) -> None:
        self._number += 1
        self._tasks.append(asyncio.ensure_future(self._run(trigger, self._number)))

    async def _run(self, trigger: LakeTrigger, number: int) -> None:
        key = trigger.shared_stream_key()
        assert key is not None
        stream = self.streams.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                seq = self.streams.bind_pending_event(trigger_id=number, key=key)
                self.fired.append(event.payload)
                if seq is not None:
                    self._unkept.append(seq)
                if self.keeps:
                    asyncio.get_running_loop().call_soon(self.keep)
        finally:
            await self.streams.unsubscribe(number, key)

    def keep(self) -> None:
        """Say that all events that were fired are kept."""
        self.streams.confirm_persisted(self._unkept)
        self._unkept = []

    async def wait(self, condition: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + SECONDS
        while not condition():
            for task in self._tasks:
                if task.done():
                    task.result()
            assert asyncio.get_running_loop().time() < deadline, self.fired
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


@asynccontextmanager
async def a_triggerer(*triggers: LakeTrigger) -> AsyncIterator[Triggerer]:
    triggerer = Triggerer()
    for trigger in triggers:
        triggerer.start(trigger)
    try:
        yield triggerer
    finally:
        await triggerer.stop()


def a_watch(store: Store, **watch: Any) -> DatalakeDataTrigger:
    trigger = DatalakeDataTrigger(**{"poll_interval": 0.1, **watch})
    trigger.asset_state_store = store
    return trigger


@pytest.fixture
def add(lake: DatalakeHook, an_image: Callable[[str], Path]) -> Add:
    """Uploads a picture and returns its id."""
    count = iter(range(1000))

    def upload(**options: Any) -> str:
        return str(lake.upload_data(an_image(f"{next(count)}.png"), **options).id)

    return upload


def test_new_data_are_told_once_and_the_place_moves_on(add: Add, lake: DatalakeHook) -> None:
    add(tags=["raw"])

    async def watch() -> tuple[list[str], list[dict[str, Any]], Store]:
        store = Store()
        async with a_triggerer(a_watch(store, tags="raw", q="width > 1")) as triggerer:
            await triggerer.wait(lambda: bool(store.values))
            ids = [await asyncio.to_thread(add, tags=["raw"]) for _ in range(2)]
            await asyncio.to_thread(add, tags=["other"])
            await triggerer.wait(lambda: sum(len(one["data_ids"]) for one in triggerer.fired) >= 2)
            await triggerer.wait(lambda: not store.place["pending"])
            return ids, triggerer.fired, store

    ids, fired, store = asyncio.run(watch())

    assert [one for event in fired for one in event["data_ids"]] == ids
    assert {event["lake"] for event in fired} == {str(lake.lake_uri())} == {store.place["lake"]}
    assert not any(event["redelivered"] for event in fired)


def test_what_was_told_and_kept_is_not_told_again_after_a_restart(add: Add) -> None:
    async def watch() -> tuple[list[str], list[dict[str, Any]]]:
        store = Store()
        async with a_triggerer(a_watch(store)) as triggerer:
            await triggerer.wait(lambda: bool(store.values))
            first = await asyncio.to_thread(add)
            await triggerer.wait(lambda: bool(triggerer.fired) and not store.place["pending"])
        fired = list(triggerer.fired)
        second = await asyncio.to_thread(add)
        async with a_triggerer(a_watch(store)) as triggerer:
            await triggerer.wait(lambda: bool(triggerer.fired))
        return [first, second], [*fired, *triggerer.fired]

    ids, fired = asyncio.run(watch())

    assert [event["data_ids"] for event in fired] == [[ids[0]], [ids[1]]]
    assert not any(event["redelivered"] for event in fired)


def test_what_was_told_and_perhaps_not_kept_is_told_again_as_the_same_batch(add: Add) -> None:
    async def watch() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
        store = Store()
        async with a_triggerer(a_watch(store)) as triggerer:
            triggerer.keeps = False
            await triggerer.wait(lambda: bool(store.values))
            first = await asyncio.to_thread(add)
            await triggerer.wait(lambda: bool(triggerer.fired))
            assert store.place["pending"]
        before = list(triggerer.fired)
        second = await asyncio.to_thread(add)
        async with a_triggerer(a_watch(store)) as triggerer:
            await triggerer.wait(lambda: len(triggerer.fired) >= 2 and not store.place["pending"])
        return before, triggerer.fired, [first, second]

    before, after, ids = asyncio.run(watch())

    assert [event["data_ids"] for event in (*before, *after)] == [[ids[0]], [ids[0]], [ids[1]]]
    assert [event["redelivered"] for event in (*before, *after)] == [False, True, False]
    assert before[0]["batch"] == after[0]["batch"] != after[1]["batch"]


def test_a_trigger_that_several_assets_share_keeps_its_place_in_a_variable(
    add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(Store):
        async def aget(self, key: str, default: Any = None) -> Any:
            raise ValueError("Task has 2 concrete inlets and outlets")

    kept: dict[str, Any] = {}
    monkeypatch.setattr("airflow_provider.triggers.watch_state._read_variable", kept.get)
    monkeypatch.setattr("airflow_provider.triggers.watch_state._write_variable", kept.__setitem__)

    async def watch() -> list[str]:
        async with a_triggerer(a_watch(Refusing())) as triggerer:
            await triggerer.wait(lambda: bool(kept))
        new = await asyncio.to_thread(add)
        async with a_triggerer(a_watch(Refusing())) as triggerer:
            await triggerer.wait(lambda: bool(triggerer.fired))
        return [new, *triggerer.fired[0]["data_ids"]]

    new, told = asyncio.run(watch())

    assert new == told
    assert [key.startswith("datalake_watch_") for key in kept] == [True]


def test_watchers_of_a_connection_share_each_look(platform: PlatformServer, add: Add) -> None:
    async def watch() -> tuple[int, int]:
        stores = [Store() for _ in range(10)]
        triggers = [a_watch(store, tags=[f"t{number}"]) for number, store in enumerate(stores)]
        async with a_triggerer(*triggers) as triggerer:
            await triggerer.wait(lambda: all(store.values for store in stores))
            await asyncio.sleep(0.3)
            platform.clear_requests()
            begun = asyncio.get_running_loop().time()
            await asyncio.to_thread(add, tags=[f"t{number}" for number in range(10)])
            await triggerer.wait(lambda: len(triggerer.fired) >= 10)
            seconds = asyncio.get_running_loop().time() - begun
            looks = sum(request["path"].endswith("/changes") for request in platform.requests())
            return looks, int(seconds / 0.095) + 2

    looks, beats = asyncio.run(watch())

    assert 1 <= looks <= beats


def test_the_same_watch_with_another_interval_has_a_stream_and_a_memory_of_its_own(add: Add) -> None:
    async def watch() -> tuple[str, list[dict[str, Any]]]:
        stores = Store(), Store()
        triggers = [a_watch(store, tags="raw", poll_interval=0.1 + 0.1 * n) for n, store in enumerate(stores)]
        async with a_triggerer(*triggers) as triggerer:
            await triggerer.wait(lambda: all(store.values for store in stores))
            new = await asyncio.to_thread(add, tags=["raw"])
            await triggerer.wait(lambda: len(triggerer.fired) >= 2 and not any(s.place["pending"] for s in stores))
            return new, triggerer.fired

    new, fired = asyncio.run(watch())

    assert [event["data_ids"] for event in fired] == [[new], [new]]


def test_a_platform_that_fails_for_a_while_costs_no_news(platform: PlatformServer, add: Add) -> None:
    async def watch() -> tuple[str, list[dict[str, Any]]]:
        store = Store()
        async with a_triggerer(a_watch(store)) as triggerer:
            await triggerer.wait(lambda: bool(store.values))
            platform.script_fault("GET", "/changes", status=503, count=3)
            platform.script_fault("GET", "/changes", drop=True, count=2)
            new = await asyncio.to_thread(add)
            await triggerer.wait(lambda: bool(triggerer.fired))
            return new, triggerer.fired

    new, fired = asyncio.run(watch())

    assert [event["data_ids"] for event in fired] == [[new]]
    assert platform.faults_met() == 5


@pytest.mark.usefixtures("some_data")
def test_ended_jobs_are_told_with_their_labels(lake: DatalakeHook) -> None:
    async def watch() -> tuple[str, list[dict[str, Any]]]:
        store = Store()
        trigger = DatalakeJobsTrigger(labels={"team": "a"}, exclude_labels={"dag_id": "own"}, poll_interval=0.1)
        trigger.asset_state_store = store  # type: ignore[assignment]
        async with a_triggerer(trigger) as triggerer:
            await triggerer.wait(lambda: bool(store.values))
            for labels in ({"team": "a", "dag_id": "own"}, {"team": "b"}, {"team": "a"}):
                launch = lambda given=labels: lake.launch_processing("quick", lake.list_data(), labels=given)  # noqa: E731
                job = await asyncio.to_thread(launch)
                await asyncio.to_thread(lake.wait_for_job, job)
            await triggerer.wait(lambda: bool(triggerer.fired))
            return str(job.id), triggerer.fired

    job, fired = asyncio.run(watch())

    [told] = [one for event in fired for one in event["jobs"]]
    assert (told["id"], told["status"], told["processing"]) == (job, "SUCCEEDED", "quick")


@pytest.mark.parametrize("empty", [{"tags": []}, {"tags": ""}, {"tags": [" "]}, {"source": ""}, {"q": " "}])
def test_a_watcher_refuses_a_filter_that_is_given_and_empty(empty: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=next(iter(empty))):
        DatalakeDataTrigger(**empty)


@pytest.mark.parametrize("empty", [{"labels": {}}, {"processing": ""}, {"statuses": []}])
def test_a_watcher_of_jobs_refuses_a_filter_that_is_given_and_empty(empty: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=next(iter(empty))):
        DatalakeJobsTrigger(**empty)


@pytest.mark.parametrize("trigger", [DatalakeDataTrigger(), DatalakeJobsTrigger()])
def test_a_watcher_without_filters_is_made_again_from_what_is_serialized(trigger: LakeTrigger) -> None:
    _, kwargs = trigger.serialize()

    assert type(trigger)(**kwargs).serialize() == trigger.serialize()


def test_an_equal_trigger_is_made_from_what_is_serialized() -> None:
    trigger = DatalakeDataTrigger(tags=["b", "a"], q="width > 1", exclude_sources="own", poll_interval=5)

    path, kwargs = trigger.serialize()
    other = DatalakeDataTrigger(**kwargs)

    assert path == "airflow_provider.triggers.watch.DatalakeDataTrigger"
    assert other.serialize() == (path, kwargs)
    assert other.shared_stream_key() == trigger.shared_stream_key()


def test_bad_arguments_are_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(ConfigurationError, match="matches nothing"):
        DatalakeDataTrigger(tags="raw", exclude_tags="raw")
    with pytest.raises(ConfigurationError, match="seconds above 0"):
        DatalakeDataTrigger(poll_interval=0)
    with pytest.raises(ConfigurationError, match="jobs end SUCCEEDED"):
        DatalakeJobsTrigger(statuses=["DONE"])


@pytest.mark.parametrize("interval", [timedelta(minutes=1), "60", "0:01:00", 60])
def test_a_watcher_takes_seconds_in_every_form(interval: Any) -> None:
    for trigger in (DatalakeDataTrigger(poll_interval=interval), DatalakeJobsTrigger(poll_interval=interval)):
        assert trigger.serialize()[1]["poll_interval"] == 60.0


# What a run reads


def an_event(payload: dict[str, Any], at: int) -> Any:
    return SimpleNamespace(extra={"from_trigger": True, "payload": payload}, timestamp=at)


def a_batch(batch: str, *ids: str, redelivered: bool = False) -> dict[str, Any]:
    return {"batch": batch, "redelivered": redelivered, "data_ids": list(ids)}


def test_a_run_reads_each_batch_and_each_data_once() -> None:
    events = [an_event(a_batch("2", "c", "a"), 2), an_event(a_batch("1", "a", "b"), 1), an_event(a_batch("1", "a"), 3)]
    other = SimpleNamespace(extra={"counts": 1}, timestamp=0)

    assert new_data_ids({"triggering_asset_events": {"x": [*events, other]}}) == ["a", "b", "c"]  # type: ignore[typeddict-item]


def test_a_batch_that_started_an_earlier_run_is_left_out_where_the_asset_is_an_inlet() -> None:
    again = an_event(a_batch("1", "a", redelivered=True), 5)
    lost = an_event(a_batch("2", "b", redelivered=True), 6)
    first = an_event(a_batch("1", "a"), 1)
    context: Any = {"triggering_asset_events": {"x": [again, lost]}, "inlet_events": {"x": [first, again, lost]}}

    assert new_data_ids(context) == ["b"]
    assert [one["batch"] for one in new_batches({**context, "inlet_events": {}})] == ["1", "2"]


def test_a_run_reads_its_jobs() -> None:
    payload = {"batch": "1", "redelivered": False, "jobs": [{"id": "j", "status": "SUCCEEDED"}]}

    assert ended_jobs({"triggering_asset_events": {"x": [an_event(payload, 1)]}}) == payload["jobs"]  # type: ignore[typeddict-item]


def test_events_are_so_far_apart_that_airflow_makes_a_run_of_each(add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider.triggers.watch_cursor.EVENT_SPACING_SECONDS", 1.0)

    async def watch() -> float:
        trigger = a_watch(store := Store())
        async with a_triggerer(trigger) as triggerer:
            triggerer.keeps = False
            await triggerer.wait(lambda: bool(store.values))
            await asyncio.to_thread(add)
            await triggerer.wait(lambda: bool(triggerer.fired))
            await asyncio.to_thread(add)
            # An Airflow that is busy keeps the first only when the second could have been told.
            await asyncio.sleep(1.2)
            kept_at = time.monotonic()
            triggerer.keep()
            await triggerer.wait(lambda: len(triggerer.fired) >= 2)
            assert trigger._cursor is not None
            return trigger._cursor.fired_at - kept_at

    assert asyncio.run(watch()) >= 1.0


def test_an_event_that_airflow_cannot_keep_holds_up_the_next_for_a_while_only(
    add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider.triggers.watch_cursor.STORE_SECONDS", 0.5)

    async def watch() -> tuple[list[str], list[dict[str, Any]]]:
        async with a_triggerer(a_watch(store := Store())) as triggerer:
            triggerer.keeps = False
            await triggerer.wait(lambda: bool(store.values))
            ids = [await asyncio.to_thread(add)]
            await triggerer.wait(lambda: bool(triggerer.fired))
            ids.append(await asyncio.to_thread(add))
            await triggerer.wait(lambda: len(triggerer.fired) >= 2)
            return ids, triggerer.fired

    ids, fired = asyncio.run(watch())

    assert [event["data_ids"] for event in fired] == [[one] for one in ids]
