"""What the tasks decide by themselves: what to try again, what is the same work, when to stop a job, what to log."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cloudpickle
import pytest
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import CancelledRun, Pause, TerminationSignal
from pydantic import SecretStr

import prefect_tasks
from datalake_ops.errors import (
    AmbiguousRequestError,
    AnswerError,
    AnswerTimeoutError,
    BadRequestError,
    JobFailedError,
    JobWaitTimeoutError,
    NetworkError,
    NoDataError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UploadError,
)
from datalake_ops.testing.prefect import PrefectServer
from prefect_tasks import DatalakeCredentials, flows, tasks
from prefect_tasks.runs.idempotency import idempotency_key, labels
from prefect_tasks.runs.retry_policy import RETRYING, is_transient, requested_pause
from prefect_tasks.runs.run_names import describe, redact_address, redact_text, run_name, shorten
from prefect_tasks.uploads.sharding import plan_upload, upload_shard
from prefect_tasks.waits.cancellation import acancel_on_stop, cancel_on_stop
from tests.prefect.launcher import Launcher

AGAIN = [
    NetworkError("refused"),
    AnswerTimeoutError("slow"),
    TooManyRequestsError("slow down", status=429),
    ServerError("oops", status=503),
    AnswerError("request timeout", status=408),
]
NEVER = [
    AmbiguousRequestError("may be done"),
    BadRequestError("no", status=400),
    UnauthorizedError("who?", status=401),
    NoDataError("none"),
    UploadError("broken", "a.png"),
    JobFailedError("failed"),
    JobWaitTimeoutError("too late"),
    ValueError("a mistake"),
]


@pytest.mark.parametrize("error", AGAIN, ids=lambda error: type(error).__name__)
def test_a_passing_failure_is_tried_again(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", NEVER, ids=lambda error: type(error).__name__)
def test_a_lasting_failure_is_not_tried_again(error: Exception) -> None:
    assert not is_transient(error)


@pytest.mark.parametrize("name", tasks.__all__)
def test_every_task_asks_the_one_policy(name: str) -> None:
    task = getattr(tasks, name)
    failed: State[None] = State(type=StateType.FAILED, data=NetworkError("refused"))

    assert task.retries == RETRYING["retries"]
    assert task.retry_delay_seconds == [10, 20, 40]
    answer = task.retry_condition_fn(task, None, failed)
    assert (asyncio.run(answer) if inspect.isawaitable(answer) else answer) is True


@pytest.mark.parametrize("name", tasks.__all__)
def test_every_task_names_its_runs_and_carries_the_tag(name: str) -> None:
    task = getattr(tasks, name)

    assert task.task_run_name
    assert "datalake" in task.tags


@pytest.mark.parametrize("name", [name for name in tasks.__all__ if f"a{name}" in tasks.__all__])
def test_an_async_twin_takes_what_its_task_takes(name: str) -> None:
    task, twin = getattr(tasks, name), getattr(tasks, f"a{name}")

    assert twin.isasync
    assert not task.isasync
    assert inspect.signature(twin.fn) == inspect.signature(task.fn)
    assert twin.cache_policy == task.cache_policy
    assert twin.persist_result == task.persist_result


@pytest.mark.parametrize("task", [*(getattr(tasks, name) for name in tasks.__all__), plan_upload, upload_shard])
def test_every_task_travels_to_a_cluster(task: Any) -> None:
    assert cloudpickle.loads(cloudpickle.dumps(task)).name == task.name


@pytest.mark.parametrize("task", [getattr(tasks, name) for name in tasks.__all__], ids=lambda task: str(task.name))
def test_only_what_must_not_happen_twice_is_remembered(task: Any) -> None:
    once = {"upload_data", "create_projection", "launch_processing", "import_bucket_objects", "import_cloud_objects"}

    assert (task.cache_policy != NO_CACHE) == (task.fn.__name__ in once)


def test_every_verb_has_both_kinds() -> None:
    sync = {name for name in tasks.__all__ if not getattr(tasks, name).isasync}

    assert sync - {"wait_for_job", "wait_for_jobs"} == {name for name in sync if f"a{name}" in tasks.__all__}


class TestRetryAfter:
    @pytest.mark.parametrize(("asked", "seconds"), [(None, 0), (7.5, 7.5), (-1, 0), (86_400, 600)])
    def test_is_obeyed_within_reason(self, asked: float | None, seconds: float) -> None:
        assert requested_pause(TooManyRequestsError("slow down", status=429, retry_after=asked)) == seconds

    @pytest.mark.parametrize("name", ["list_data", "alist_data"])
    def test_passes_before_the_next_try(self, name: str) -> None:
        task = getattr(tasks, name)
        failed: State[None] = State(
            type=StateType.FAILED, data=TooManyRequestsError("slow down", status=429, retry_after=0.3)
        )
        started = time.monotonic()

        answer = task.retry_condition_fn(task, None, failed)
        again = asyncio.run(answer) if inspect.isawaitable(answer) else answer

        assert again is True
        assert time.monotonic() - started >= 0.3


class TestNames:
    def test_say_the_verb_and_what_was_given(self) -> None:
        name = run_name("tag_data", "data", "tags", "add")

        assert name({"data": None, "tags": ["a", "b"], "add": "seen"}) == "tag_data tags=(2) add=seen"
        assert name({"data": ["x"], "tags": None, "add": None}) == "tag_data x"

    @pytest.mark.parametrize(
        ("value", "text"), [(["a", "b"], "2 paths"), (["a.png"], "a.png"), ("(2)", "(2)"), ({"files": 7}, "7 files")]
    )
    def test_tell_many_paths_by_their_number(self, value: Any, text: str) -> None:
        assert describe(value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("https://user:secret@host/a.png?X-Signature=secret", "https://host/a.png"),
            (Path("/data/in"), "/data/in"),
            ({"pieces": [], "files": 7}, "7 files"),
            ("x" * 100, "..." + "x" * 57),
        ],
    )
    def test_show_a_value_short_and_without_what_signs_it(self, value: object, text: str) -> None:
        assert shorten(value) == text

    @pytest.mark.parametrize(
        ("address", "text"),
        [
            ("https://host/a b.png?X-Signature=secret", "https://host/a b.png"),
            ("simplecache::ftp://user:p@ss@host/a.png", "simplecache::ftp://host/a.png"),
            ("zip://a.png::https://user:secret@host/b.zip?sig=1", "zip://a.png::https://host/b.zip"),
            ("/data/what?.png", "/data/what?.png"),
        ],
    )
    def test_show_no_link_of_an_address_with_what_signs_it(self, address: str, text: str) -> None:
        assert redact_address(address) == text
        assert redact_text(f"{address} is not there.", address) == f"{text} is not there."

    def test_tell_of_an_address_without_what_signs_it_in_whatever_form_a_library_does(self) -> None:
        address = "simplecache::https://me:word@host/a.png?X-Signature=abc"
        told = "host/a.png?X-Signature=abc: 403 for https://me:word@host/b.png?token=def (retried)"

        assert redact_text(told, address) == "host/a.png: 403 for https://host/b.png (retried)"


class TestIdempotencyKey:
    @pytest.fixture(autouse=True)
    def _a_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "run-1")

    def test_is_the_same_for_the_same_arguments_in_any_order(self) -> None:
        one = idempotency_key("launch", {"processing": "p", "data": ["a"]})

        assert one == idempotency_key("launch", {"data": ["a"], "processing": "p"})
        assert one is not None
        assert one.startswith("prefect:run-1:launch:")

    def test_knows_the_lake_and_not_the_token(self) -> None:
        there = {"host": "https://lake.example", "datalake_name": "photos"}
        old, new, elsewhere = (
            DatalakeCredentials(api_token=SecretStr(token), **{**there, "datalake_name": name})
            for token, name in (("old", "photos"), ("new", "photos"), ("old", "films"))
        )

        keys = [idempotency_key("launch", {"credentials": one}) for one in (old, new, elsewhere, "block-a", "block-b")]

        assert keys[0] == keys[1]
        assert len(set(keys)) == 4

    @pytest.mark.parametrize("other", [("import", {"data": ["a"]}), ("launch", {"data": ["b"]})])
    def test_differs_by_action_and_arguments(self, other: tuple[str, dict[str, object]]) -> None:
        assert idempotency_key("launch", {"data": ["a"]}) != idempotency_key(*other)

    def test_differs_by_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = idempotency_key("launch", {})
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "run-2")

        assert first != idempotency_key("launch", {})


def test_outside_a_run_a_job_has_no_key_and_no_run() -> None:
    assert idempotency_key("launch", {}) is None
    assert labels() == {"orchestrator": "prefect", "on_stop": "cancel"}


class TestStopping:
    @pytest.fixture
    def stops(self) -> list[BaseException]:
        return []

    @pytest.mark.parametrize(
        "stop",
        [KeyboardInterrupt(), SystemExit(1), JobWaitTimeoutError("late"), ValueError("!"), NetworkError("no retry")],
        ids=lambda stop: type(stop).__name__,
    )
    def test_cancels_the_job_of_a_stopped_wait(self, stops: list[BaseException], stop: BaseException) -> None:
        with pytest.raises(type(stop)), cancel_on_stop(stops.append):
            raise stop

        assert stops == [stop]

    @pytest.mark.parametrize("error", [JobFailedError("over"), Pause()], ids=lambda error: type(error).__name__)
    def test_leaves_a_job_alone_that_ended_or_is_waited_for_again(
        self, stops: list[BaseException], error: BaseException
    ) -> None:
        with pytest.raises(type(error)), cancel_on_stop(stops.append):
            raise error

        assert stops == []

    @pytest.fixture
    def terminable(self) -> Iterator[None]:
        """SIGTERM raises what Prefect raises then in the main thread of a run."""

        def terminate(number: int, _frame: object) -> None:
            raise TerminationSignal(number)

        before = signal.signal(signal.SIGTERM, terminate)
        yield
        signal.signal(signal.SIGTERM, before)

    def test_a_wait_cancels_the_job_though_its_run_is_terminated_meanwhile(self, terminable: None) -> None:
        ended: list[str] = []
        begun = Event()

        def cancel(stop: BaseException) -> None:
            begun.set()
            time.sleep(0.5)
            ended.append(type(stop).__name__)

        def terminate() -> None:
            begun.wait()
            os.kill(os.getpid(), signal.SIGTERM)

        worker = Thread(target=terminate)
        worker.start()
        with pytest.raises(CancelledRun), cancel_on_stop(cancel):
            raise CancelledRun
        worker.join()

        assert ended == ["CancelledRun"]

    def test_an_await_cancels_the_job_though_it_is_cancelled_again(self) -> None:
        ended: list[str] = []

        def cancel(stop: BaseException) -> None:
            time.sleep(0.2)
            ended.append(type(stop).__name__)

        async def waiting() -> None:
            async with acancel_on_stop(cancel):
                await asyncio.sleep(60)

        async def stopped() -> None:
            task = asyncio.create_task(waiting())
            for _ in range(3):
                await asyncio.sleep(0.01)
                task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(stopped())

        assert ended == ["CancelledError"]


def test_the_package_exports_every_task() -> None:
    assert set(tasks.__all__) < set(prefect_tasks.__all__)
    assert all(getattr(prefect_tasks, name) is getattr(tasks, name) for name in tasks.__all__)


def test_every_flow_validates_its_parameters_where_it_was_carried_to(
    launcher: Launcher, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    # A flow that is served alone is pickled for the process that runs it, without what only its annotations name.
    (tmp_path / "flows.pickle").write_bytes(cloudpickle.dumps([getattr(flows, name) for name in flows.__all__]))
    told = {"prefix": "in/", "processing": "thumbnails", "folder": "in", "since": "2026-01-01", "wait": "poll"}
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, cloudpickle\n"
        "from pathlib import Path\n"
        "for flow in cloudpickle.loads(Path(sys.argv[1]).read_bytes()):\n"
        f"    known = {{name: value for name, value in {told}.items() if name in flow.parameters.properties}}\n"
        "    print(flow.name, len(flow.validate_parameters(known)) > 0)\n"
    )

    process = launcher.run([str(program), str(tmp_path / "flows.pickle")], log := f"carried-{tmp_path.name}")

    assert process.wait(240) == 0, prefect_server.log(log)
    assert prefect_server.log(log).count("True") == len(flows.__all__)
