"""The data sensor: the same results by poking, rescheduling and deferring; its trigger stores no secret."""

from __future__ import annotations

import asyncio
import pkgutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.exceptions import AirflowException

from airflow_provider.compat import TaskDeferred
from airflow_provider.sensors.data import DataSensor
from airflow_provider.triggers.data import DataTrigger
from airflow_provider.triggers.events import ARRIVED, LOST, TIMED_OUT, DataEvent
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import connected, load_dags, run_dag
from datalake_ops.testing.server import PlatformServer
from tests.airflow.versions import TEST_DAGS, deserialize, serialize

pytestmark = pytest.mark.newest_airflow(
    "the sensor and its trigger decide; `wait_for_data` of the examples runs them on every Airflow"
)

DAGS = load_dags(TEST_DAGS)
MODES = ("poke", "reschedule", "defer")


def a_trigger(lake: DatalakeHook, **options: Any) -> DataTrigger:
    place = lake.context
    return DataTrigger("datalake_default", str(place.organization.id), str(place.datalake.id), **options)


async def fired(trigger: DataTrigger) -> list[Any]:
    return [event.payload async for event in trigger.run()]


@pytest.mark.usefixtures("some_data")
def test_all_modes_find_what_is_there(lake: DatalakeHook) -> None:
    outcome = run_dag(DAGS["arrivals"], {"q": 'tags.name = "demo"', "count": 3})

    assert set(outcome.tasks.values()) == {"success"}
    assert [outcome.xcom(mode) for mode in MODES] == [3, 3, 3]
    assert {outcome.xcom(mode, "_link_DatalakeLink") for mode in MODES} == {lake.datalake_url('tags.name = "demo"')}


@pytest.mark.usefixtures("some_data")
def test_all_modes_fail_or_skip_when_data_do_not_arrive(lake: DatalakeHook, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run_dag(DAGS["arrivals"], {"count": 4})

    assert {outcome.tasks[mode] for mode in MODES} == {"failed"}
    assert {outcome.tasks[f"{mode}_softly"] for mode in MODES} == {"skipped"}
    assert "AirflowSensorTimeout" in capfd.readouterr().out


def test_all_modes_fail_for_a_wrong_query(lake: DatalakeHook, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run_dag(DAGS["arrivals"], {"q": "width >"})

    assert set(outcome.tasks.values()) == {"failed"}
    assert capfd.readouterr().out.count("InvalidQueryError") >= len(outcome.tasks)


@pytest.mark.usefixtures("some_data")
def test_a_reschedule_without_task_state_stays_with_data_that_are_enough(lake: DatalakeHook) -> None:
    # Airflow before 3.3.
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}
    sensor = DataSensor(task_id="t", tags="demo", min_count=3, stable_for=1, mode="reschedule", poke_interval=60)
    started_at = time.monotonic()

    found = sensor.poke(context)

    assert (bool(found), found.xcom_value) == (True, 3)
    assert time.monotonic() - started_at >= 1


class SlowClock:
    """Stands in for the module `time` on a machine so busy that a minute passes between any two looks at the clock."""

    def __init__(self) -> None:
        self.now, self.slept = 1.8e9, 0

    def time(self) -> float:
        self.now += 60
        return self.now

    def sleep(self, _: float) -> None:
        self.slept += 1


@pytest.mark.usefixtures("some_data", "lake")
def test_a_pause_after_a_look_is_no_time_without_new_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider.sensors.data.time", clock := SlowClock())
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda **_: None), "task": SimpleNamespace(execution_timeout=None)}
    context["ti"].start_date = None
    enough = {"task_id": "t", "min_count": 3, "stable_for": 30}
    poking, watching = DataSensor(**enough), DataSensor(**enough, mode="reschedule")

    assert not poking.poke(context)
    assert poking.poke(context)
    with pytest.raises(TaskDeferred):
        DataSensor(**enough, deferrable=True).execute(context)
    assert clock.slept == 0
    # Without a memory of its looks it stays for a second one.
    assert watching.poke(context)
    assert clock.slept == 1


def test_data_that_still_come_start_the_quiet_anew(lake: DatalakeHook, an_image: Callable[[str], Path]) -> None:
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}
    sensor = DataSensor(task_id="t", min_count=1, stable_for=2, poke_interval=1)
    lake.upload(an_image("one.png"))
    first = bool(sensor.poke(context))
    time.sleep(2.1)
    lake.upload(an_image("two.png"))

    after_another = bool(sensor.poke(context))
    time.sleep(2.1)

    assert (first, after_another, bool(sensor.poke(context))) == (False, False, True)


def test_the_trigger_survives_the_way_to_another_process_and_stores_no_secret(
    lake: DatalakeHook, platform: PlatformServer
) -> None:
    trigger = a_trigger(lake, q="x = 1", custom_metadata={"a": 1}, min_count=2, stable_for=1.5, deadline_at=1.8e9)

    path, kwargs = trigger.serialize()
    again = pkgutil.resolve_name(path)(**deserialize(serialize(kwargs)))

    assert again.serialize() == (path, kwargs)
    assert platform.token not in repr(kwargs)
    assert platform.url not in repr(kwargs)


@pytest.mark.usefixtures("some_data")
def test_the_trigger_fires_once_and_says_how_the_wait_ended(lake: DatalakeHook) -> None:
    fire_after = time.time() + 0.7
    arrived = asyncio.run(fired(a_trigger(lake, min_count=3, fire_after=fire_after)))
    held_until = time.time()
    late = asyncio.run(fired(a_trigger(lake, min_count=4, deadline_at=time.time() + 0.3)))
    lost = asyncio.run(fired(a_trigger(lake, q="width >")))

    told = {"message": "", "error": "", "status": 0, "retry_after": None}
    assert arrived == [{"outcome": ARRIVED, "count": 3, **told}]
    assert held_until >= fire_after
    assert [event["outcome"] for event in late] == [TIMED_OUT]
    assert "3 of 4 data had arrived" in late[0]["message"]
    assert [event["outcome"] for event in lost] == [LOST]
    assert (lost[0]["error"], lost[0]["status"]) == ("InvalidQueryError", 400)


def met_once(platform: PlatformServer, fault: str) -> None:
    deadline = time.monotonic() + 240
    while not platform.faults_met(fault):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.usefixtures("some_data")
def test_a_long_wait_outlives_its_token(
    lake: DatalakeHook, platform: PlatformServer, an_image: Callable[[str], Path]
) -> None:
    name = lake.context.datalake.name

    async def wait() -> list[Any]:
        waiting = asyncio.create_task(fired(a_trigger(lake, min_count=4, poll_interval=0.1)))
        # The connection is looked up, and asked over, before it changes.
        await asyncio.to_thread(met_once, platform, slow)
        with connected(platform, datalake_name=name, max_workers=3):
            refused = platform.script_fault("*", "/datas", status=401)
            await asyncio.to_thread(met_once, platform, refused)
            # It cannot end before its token is refused: only now are there enough data.
            await asyncio.to_thread(lake.upload, an_image("fourth.png"))
            return await waiting

    slow = platform.script_fault("*", "/datas", delay=0.1)
    [event] = asyncio.run(wait())

    assert platform.faults_met() == 2
    assert (event["outcome"], event["count"]) == (ARRIVED, 4)


@pytest.mark.usefixtures("some_data")
def test_waiting_for_data_never_holds_up_the_loop(lake: DatalakeHook, platform: PlatformServer) -> None:
    async def longest_pause() -> float:
        waiting = asyncio.create_task(fired(a_trigger(lake, min_count=3)))
        longest, before = 0.0, time.monotonic()
        while not waiting.done():
            await asyncio.sleep(0.01)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        await waiting
        return longest

    asyncio.run(fired(a_trigger(lake)))
    slow = platform.script_fault("*", "/datas", delay=0.6, count=20)

    # Airflow's watchdog complains from 0.2 s on; the first run has paid for the imports. A call that blocks holds the
    # loop up each time, a busy machine only now and then.
    assert any(asyncio.run(longest_pause()) < 0.2 for _ in range(20))
    assert platform.faults_met(slow) > 0


@pytest.mark.parametrize("payload", [None, "success", {}, {"outcome": "ended"}])
def test_events_of_other_origin_are_refused(payload: Any) -> None:
    with pytest.raises(AirflowException, match="never sends"):
        DataEvent.read(payload)
