"""Every task with every kind of value in every field: done, nothing to do, or refused before anything is sent.

The tasks and their fields are read from the package, so that a new one is in the table by itself.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow, task, unmapped
from prefect.client.schemas.objects import State

from datalake_ops.errors import (
    ArgumentError,
    ConfigurationError,
    InsufficientResourcesError,
    InvalidFileError,
    InvalidQueryError,
    NoDataError,
    NotFoundError,
    NothingDoneError,
)
from datalake_ops.hook import DatalakeHook
from datalake_ops.retryability import is_transient
from datalake_ops.testing import PlatformServer
from prefect_tasks import (
    DatalakeCredentials,
    alist_data,
    atag_data,
    aupdate_data,
    aupload_data,
    await_job,
    await_jobs,
    flows,
    get_or_create_tag,
    import_bucket_objects,
    launch_processing,
    list_data,
    tag_data,
    tasks,
    update_data,
    upload_data,
    wait_for_job,
    wait_for_jobs,
)

pytestmark = pytest.mark.usefixtures("prefect_api", "processings")
TASKS = {name: getattr(tasks, name) for name in tasks.__all__}
# What comes of other tasks is tried in flows, all other values by calls of the twins' functions, which need no flow.
TWINS = [name for name in TASKS if name.startswith("a") and not name.startswith("await")]
IDS = {"data", "ids", "id", "job", "jobs"}
CHOOSING = {
    "changes", "data", "filename", "filenames", "filepaths", "ids", "id", "job", "jobs", "object_name", "object_names",
    "objects", "path", "prefixes", "q",
}  # fmt: skip
# In these tasks tags, names, metadata and limits choose what there is; elsewhere they are put on data.
CHOOSING_BY = {
    "list_data": {"tags", "custom_metadata", "limit"}, "tag_data": {"tags", "limit"}, "get_or_create_tag": {"name"},
    "launch_processing": {"tags", "limit"}, "download_data": {"tags", "limit"}, "retry_failed_files": {"report"},
}  # fmt: skip
SECONDS = {"timeout", "poll_interval"}
WHOLE = {"limit", "offset", "cpu", "gpu", "max_workers", "max_paths", "max_ids", "sample"}
MAPPINGS = {"changes", "parameters", "inputs", "additional_info"}
EMPTY = ("None of a task", "empty list", "empty text", "a skipped task")
# The platform's own answer to what is well-formed and not there.
NOT_THERE = (InsufficientResourcesError, InvalidFileError, InvalidQueryError, NotFoundError, NothingDoneError)


@task
def nothing() -> None:
    """A task without a result."""


@dataclass(frozen=True)
class World:
    """A lake with two data to choose and one that nobody chooses, a job that has ended, and files."""

    lake: DatalakeHook
    credentials: DatalakeCredentials
    chosen: list[str]
    job: str
    folder: Path
    report: Path

    def valid(self, field: str) -> Any:
        """A value that a required field takes."""
        known = {
            "data": self.chosen[0], "add": "touched", "job": self.job, "jobs": [self.job], "name": "touched",
            "processing": "thumbnails", "prefixes": ["nowhere/"], "objects": ["nowhere.png"],
            "report": str(self.report),
            "filepaths": str(self.folder), "path": str(next(self.folder.iterdir())), "filename": "0.png",
            "directory": str(self.folder.parent / "out"), "changes": {self.chosen[0]: {"tags": ["touched"]}},
        }  # fmt: skip
        return known[field]

    def values(self, field: str) -> dict[str, Any]:
        ids = field in IDS
        known = [self.job] if field.startswith("job") else self.chosen
        return {
            "empty list": [],
            "empty text": " ",
            "a list as text": json.dumps(known) if ids else '["alpha", "beta"]',
            "a number as text": "2",
            "a number": 2,
            "a timedelta": timedelta(seconds=2),
            "results of mapped tasks": [[one] for one in (known if ids else ["alpha", "beta"])],
        }

    def bystander(self) -> list[Any]:
        """What the datum is like that nobody chose, and whether it is still alone."""
        (one,) = self.lake.list_data(filenames=["bystander.png"])
        return [sorted(tag.name for tag in one.tags or ()), one.custom_metadata, one.metadata]


@pytest.fixture
def world(
    lake: DatalakeHook,
    credentials: DatalakeCredentials,
    an_image: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    # Some of the values are relative paths.
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    paths = [an_image(f"in/{number}.png") for number in range(2)]
    chosen = [str(one) for one in lake.upload(paths, tags=["chosen"]).data.ids]
    lake.upload([an_image("bystander.png")])
    report = tmp_path / "report.jsonl"
    report.write_text(json.dumps({"path": str(paths[0]), "status": "UPLOADED"}) + "\n")
    ended = lake.wait_for_job(lake.import_bucket_objects([f"{uuid4()}/"]))
    # It takes every processor, so that the jobs that are launched here wait and cost nothing.
    busy = lake.launch_processing("patient", chosen, cpu=16, labels={"orchestrator": "prefect"})
    yield World(lake, credentials, chosen, str(ended.id), paths[0].parent, report)
    lake.cancel_job(busy)


def chooses(name: str, field: str) -> bool:
    return field in CHOOSING or field in CHOOSING_BY.get(name.removeprefix("a"), ())


def fields_of(name: str) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(TASKS[name].fn).parameters
    return {field: one for field, one in parameters.items() if field != "credentials"}


def rest_of_the_call(world: World, name: str, field: str) -> dict[str, Any]:
    """What a call needs beside the field that is tried."""
    fields = fields_of(name)
    needed = {one for one, parameter in fields.items() if parameter.default is inspect.Parameter.empty}
    if "data" in fields and not chooses(name, field):
        needed.add("data")
    if name in ("tag_data", "atag_data") and field not in ("add", "remove"):
        needed.add("add")
    if name in ("find_data", "afind_data") and not chooses(name, field):
        needed.add("filename")
    if field == "limit" and chooses(name, field) and "tags" in fields:
        # By itself it chooses some of the whole lake.
        return {"tags": "chosen", **{one: world.valid(one) for one in needed}}
    # Artifacts are requests that this table does not look at.
    quiet = {"artifacts": False} if "artifacts" in fields and field != "artifacts" else {}
    return {**quiet, **{one: world.valid(one) for one in needed - {field}}}


def outcome(state: State[Any]) -> str:
    if state.name == "Skipped":
        return "nothing"
    if state.is_completed():
        return "done"
    error = state.result(raise_on_failure=False)
    if is_transient(error):
        return f"tried again after {error!r}"
    if isinstance(error, ConfigurationError):
        return "refused"
    return "not there" if isinstance(error, NOT_THERE) else f"{type(error).__name__}: {error}"


def expected(name: str, field: str, value: str) -> set[str]:
    if value in EMPTY and chooses(name, field):
        # Blank numbers are no numbers.
        return {"nothing"} | ({"refused"} if field in WHOLE else set())
    if value == "a timedelta":
        return {"done"} if field in SECONDS else {"refused"}
    if field in IDS:
        # One of these fields takes one id alone.
        lists = value in ("a list as text", "results of mapped tasks")
        return (
            ({"done"} if not name.endswith("create_projection") else {"refused"})
            if lists and field != "id"
            else {"refused"}
        )
    if name.endswith("upload_data") and field == "limit":
        # A name there: of a concurrency limit, which none of these values is.
        return {"done", "refused"}
    if field in SECONDS | WHOLE and value in ("a number", "a number as text"):
        # The platform of the tests has no GPU.
        return {"not there"} if field == "gpu" else {"done", "nothing"}
    if field in MAPPINGS and value.startswith("a "):
        return {"refused", "done"} if value == "a skipped task" else {"refused"}
    return {"done", "nothing", "refused", "not there"}


def wrong_outcomes(world: World, platform: PlatformServer, name: str, only: tuple[str, ...] = ()) -> list[str]:
    """Try a task with every value in every field, in one flow run, and tell the outcomes that should not be."""
    wrong: list[str] = []
    before = world.bystander()

    @flow
    def tried() -> None:
        empties = {
            "None of a task": nothing.submit(),
            "a skipped task": launch_processing.submit(world.credentials, "thumbnails", data=[]),
        }
        for field in fields_of(name):
            for value, given in {**empties, **world.values(field)}.items():
                if only and not (value in only and chooses(name, field)):
                    continue
                platform.clear_requests()
                arguments = {**rest_of_the_call(world, name, field), field: given}
                future = TASKS[name].submit(world.credentials, **arguments)
                future.wait()
                found = outcome(future.state)
                sent = [one["path"] for one in platform.requests() if one["method"] not in ("GET", "XGET")]
                if found not in expected(name, field, value):
                    wrong.append(f"{field}={value}: {found}")
                if found in ("refused", "nothing") and sent:
                    wrong.append(f"{field}={value}: {found}, but it sent {sent}")

    tried()
    if (after := world.bystander()) != before:
        wrong.append(f"the datum that nobody chose was {before} and is {after}")
    return wrong


@pytest.mark.parametrize("name", [name for name in TASKS if name not in TWINS])
def test_every_value_in_every_field_is_done_finds_nothing_or_is_refused(
    world: World, platform: PlatformServer, name: str
) -> None:
    assert "\n".join(wrong_outcomes(world, platform, name)) == ""


async def wrong_answers(world: World, platform: PlatformServer, name: str) -> list[str]:
    """Call the function of an async twin with every value in every field, and tell the outcomes that should not be."""
    wrong: list[str] = []
    for field in fields_of(name):
        for value, given in world.values(field).items():
            platform.clear_requests()
            # Nothing to do is an error then, where a run would be skipped.
            arguments = {"on_empty": "fail", **rest_of_the_call(world, name, field), field: given}
            found = await answer_of(TASKS[name].fn(world.credentials, **arguments))
            sent = [one["path"] for one in platform.requests() if one["method"] not in ("GET", "XGET")]
            if found not in expected(name, field, value):
                wrong.append(f"{field}={value}: {found}")
            if found in ("refused", "nothing") and sent:
                wrong.append(f"{field}={value}: {found}, but it sent {sent}")
    return wrong


async def answer_of(call: Awaitable[Any]) -> str:
    try:
        await call
    except (NoDataError, ConfigurationError, *NOT_THERE) as error:
        if is_transient(error):
            return f"tried again after {error!r}"
        if isinstance(error, NoDataError):
            return "nothing"
        return "refused" if isinstance(error, ConfigurationError) else "not there"
    return "done"


@pytest.mark.parametrize("name", TWINS)
def test_an_async_twin_takes_every_value_as_its_task_does(world: World, platform: PlatformServer, name: str) -> None:
    before = world.bystander()

    assert "\n".join(asyncio.run(wrong_answers(world, platform, name))) == ""

    assert world.bystander() == before


@pytest.mark.parametrize("name", TWINS)
def test_an_async_twin_runs_the_very_function_of_its_task(name: str) -> None:
    twin, task_of_it = TASKS[name], TASKS[name.removeprefix("a")]

    # So what the table says of the task holds for its twin.
    assert inspect.unwrap(twin.fn, stop=lambda fn: fn is task_of_it.fn) is task_of_it.fn
    assert inspect.signature(twin.fn) == inspect.signature(task_of_it.fn)


@pytest.mark.parametrize(("name", "twin"), [("wait_for_job", "await_job"), ("wait_for_jobs", "await_jobs")])
def test_the_waits_that_are_no_twins_take_the_same(name: str, twin: str) -> None:
    assert inspect.signature(TASKS[name].fn).parameters == inspect.signature(TASKS[twin].fn).parameters


@pytest.mark.parametrize("name", TWINS)
def test_the_async_twins_find_nothing_by_what_is_empty(world: World, platform: PlatformServer, name: str) -> None:
    assert "\n".join(wrong_outcomes(world, platform, name, only=EMPTY)) == ""


def test_every_task_says_what_becomes_of_nothing_to_do() -> None:
    assert [name for name in TASKS if "on_empty" not in fields_of(name)] == []


@pytest.mark.parametrize(
    "filters", [{"tags": []}, {"tags": ()}, {"q": ""}, {"data": []}, {"data": ()}, {"tags": "chosen", "q": " "}]
)
def test_an_empty_choice_changes_nothing(world: World, filters: dict[str, Any]) -> None:
    @flow
    def tagged() -> Any:
        return tag_data(world.credentials, add="x", **filters)

    assert tagged() == 0
    assert asyncio.run(atag_data.fn(world.credentials, add="x", **filters)) == 0
    assert world.lake.count_data(tags="x") == 0


@pytest.mark.parametrize("filters", [{}, {"intersect_tags": True}])
def test_no_choice_is_refused_and_everything_is_a_word(world: World, filters: dict[str, Any]) -> None:
    @flow
    def tagged(everything: bool) -> Any:
        return tag_data(world.credentials, add="x", everything=everything, **filters)

    with pytest.raises(ArgumentError, match="everything=True"):
        tagged(False)
    with pytest.raises(ArgumentError, match="everything=True"):
        asyncio.run(atag_data.fn(world.credentials, add="x", **filters))
    assert world.lake.count_data(tags="x") == 0
    assert tagged(True) == 3
    assert world.lake.count_data(tags="x") == 3


def test_a_filter_that_came_out_none_beside_another_one_changes_nothing(world: World) -> None:
    @flow
    def tagged() -> Any:
        return tag_data.submit(world.credentials, tags="chosen", q=nothing.submit(), add="x").result()

    assert tagged() == 0
    assert world.lake.count_data(tags="x") == 0


def test_nothing_to_do_is_skipped_succeeds_or_fails_as_was_said(world: World) -> None:
    states: dict[str, State[Any]] = {}

    @flow
    def listed() -> list[str]:
        for on_empty in ("skip", "succeed", "fail"):
            states[on_empty] = list_data(world.credentials, tags="none", on_empty=on_empty, return_state=True)
        return list_data(world.credentials, tags="none")

    listed(return_state=True)

    assert {name: state.name for name, state in states.items()} == {
        "skip": "Skipped", "succeed": "Completed", "fail": "Failed",
    }  # fmt: skip
    assert states["skip"].result() == states["succeed"].result() == []
    with pytest.raises(NoDataError):
        states["fail"].result()
    for on_empty in ("skip", "succeed"):
        assert asyncio.run(alist_data.fn(world.credentials, tags="none", on_empty=on_empty)) == []
    with pytest.raises(NoDataError):
        asyncio.run(alist_data.fn(world.credentials, tags="none", on_empty="fail"))


def test_a_skipped_launch_skips_the_waits_after_it(world: World) -> None:
    @flow
    def processed() -> list[Any]:
        job = launch_processing(world.credentials, "thumbnails", tags="none")
        submitted = launch_processing.submit(world.credentials, "thumbnails", tags="none")
        waits = [
            wait_for_job(world.credentials, job), wait_for_job.submit(world.credentials, submitted).result(),
            wait_for_job(world.credentials, None), wait_for_jobs(world.credentials, []),
        ]  # fmt: skip
        return [job, *waits]

    assert processed() == [None, None, None, None, []]
    assert asyncio.run(await_job.fn(world.credentials, None)) is None
    assert asyncio.run(await_jobs.fn(world.credentials, [])) == []


def test_the_async_twin_of_a_skipped_task_gives_its_value(world: World) -> None:
    @flow
    async def listed() -> list[str]:
        return await alist_data(world.credentials, tags="none")

    assert asyncio.run(listed()) == []


def test_one_id_is_one_datum_and_mapped_results_are_many(world: World) -> None:
    @flow
    def tagged() -> list[int]:
        found = list_data.map(world.credentials, ids=[[one] for one in world.chosen])
        return [
            tag_data(world.credentials, data=world.chosen[0], add="one"),
            tag_data.submit(world.credentials, data=found, add="both").result(),
            *(one.result() for one in tag_data.map(world.credentials, data=world.chosen, add="each")),
        ]

    assert tagged() == [1, 2, 1, 1]
    assert [world.lake.count_data(tags=tag) for tag in ("one", "both", "each")] == [1, 2, 2]


def test_lists_of_different_lengths_say_what_to_write(world: World) -> None:
    @flow
    def tagged() -> None:
        tag_data.map(world.credentials, data=world.chosen, add=["a", "b", "c"])

    with pytest.raises(ArgumentError, match=r"prefect\.unmapped"):
        tagged()


def test_a_list_for_all_runs_is_unmapped(world: World) -> None:
    @flow
    def tagged() -> list[int]:
        futures = tag_data.map(world.credentials, data=world.chosen, add=unmapped(["a", "b", "c"]))
        return [one.result() for one in futures]

    assert tagged() == [1, 1]


@pytest.mark.parametrize("field", ["timeout", "poll_interval"])
@pytest.mark.parametrize("value", [timedelta(minutes=5), "300", 300])
def test_seconds_come_as_numbers_texts_and_timedeltas(world: World, field: str, value: Any) -> None:
    @flow
    def waited() -> Any:
        return wait_for_job(world.credentials, world.job, **{field: value})

    assert waited()["status"] == "SUCCEEDED"
    assert asyncio.run(await_job.fn(world.credentials, world.job, **{field: value}))["status"] == "SUCCEEDED"


@pytest.mark.parametrize("timeout", [0, -1, timedelta(0)])
@pytest.mark.parametrize("flow_name", ["process_and_wait", "ingest_bucket", "sync_bucket", "ingest_and_process"])
def test_a_flow_that_could_not_wait_starts_nothing(world: World, flow_name: str, timeout: Any) -> None:
    first = {"process_and_wait": ["thumbnails"], "ingest_and_process": [str(world.folder)]}.get(flow_name, ["nowhere/"])
    given = {"data": world.chosen} if flow_name == "process_and_wait" else {}
    jobs, content = len(world.lake.find_jobs()), world.lake.count_data()

    with pytest.raises(ArgumentError, match="timeout cannot be"):
        getattr(flows, flow_name).fn(*first, world.credentials, **given, timeout=timeout)
    assert (len(world.lake.find_jobs()), world.lake.count_data()) == (jobs, content)


@pytest.mark.parametrize(
    "options", [{"poll_interval": "soon"}, {"timeout": -1}, {"timeout": 0}, {"on_stop": "forget"}, {"wait": "x"}]
)
def test_a_wait_that_cannot_be_leaves_its_job_alone(world: World, options: dict[str, Any]) -> None:
    job = world.lake.launch_processing("patient", world.chosen, labels={"orchestrator": "prefect"})

    @flow
    def waited() -> Any:
        return wait_for_job(world.credentials, str(job.id), **options)

    with pytest.raises(ArgumentError):
        waited()
    with pytest.raises(ArgumentError):
        asyncio.run(await_job.fn(world.credentials, str(job.id), **options))
    assert not world.lake.get_job(job).status.is_terminal


@pytest.mark.parametrize("blank", [[""], ["night/", ""], [None], ["night/", None]])
def test_a_prefix_that_came_out_blank_of_another_task_is_not_the_whole_bucket(world: World, blank: list[Any]) -> None:
    before = {job.id for job in world.lake.find_jobs()}

    @task
    def prefixes() -> list[Any]:
        return blank

    @flow
    def imported() -> str:
        return str(import_bucket_objects(world.credentials, prefixes(), return_state=True).name)

    assert imported() == ("Skipped" if len(blank) == 1 else "Failed")
    assert {job.id for job in world.lake.find_jobs()} == before


@pytest.mark.parametrize(
    "call",
    [
        lambda world: get_or_create_tag(world.credentials, '["a", "b"]'),
        lambda world: import_bucket_objects(world.credentials, "night/", source="['a']"),
        lambda world: launch_processing(world.credentials, '["thumbnails"]', data=world.chosen),
        lambda world: upload_data(world.credentials, "a.png", source='["a"]'),
    ],
)
def test_a_list_in_text_form_is_no_name(world: World, platform: PlatformServer, call: Callable[[World], Any]) -> None:
    platform.clear_requests()

    @flow
    def done() -> None:
        call(world)

    with pytest.raises(ArgumentError, match="collection in text form"):
        done()
    assert {one["method"] for one in platform.requests()} <= {"GET", "XGET"}


@pytest.mark.parametrize("blank", [["night/", ""], ["", "night/"]])
def test_a_blank_prefix_beside_others_is_refused_where_it_is_written(world: World, blank: list[str]) -> None:
    before = {job.id for job in world.lake.find_jobs()}

    @flow
    def imported() -> None:
        import_bucket_objects(world.credentials, blank)

    with pytest.raises(ArgumentError, match="blank"):
        imported()
    assert {job.id for job in world.lake.find_jobs()} == before


@pytest.mark.parametrize("field", ["intersect_tags", "offset"])
def test_a_value_without_which_other_data_would_be_meant_is_refused_when_it_came_out_none(
    world: World, field: str
) -> None:
    verb = {"intersect_tags": tag_data.with_options(retries=0), "offset": list_data}[field]
    others = {"add": "x"} if field == "intersect_tags" else {"limit": 1}

    @flow
    def done() -> Any:
        return verb(world.credentials, tags=["chosen", "other"], **{field: nothing.submit()}, **others)

    with pytest.raises(ArgumentError, match=field):
        done()
    assert world.lake.count_data(tags="x") == 0


def test_a_folder_or_a_pattern_without_a_file_is_nothing_to_do(world: World, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()

    @flow
    def done() -> list[State[Any]]:
        sources = [str(tmp_path / "none"), str(tmp_path / "none" / "*.png"), [tmp_path / "none"]]
        return [upload_data(world.credentials, one, return_state=True) for one in sources]

    states = done()

    assert [state.name for state in states] == ["Skipped"] * 3
    assert [state.result()["files"] for state in states] == [0] * 3
    assert asyncio.run(aupload_data.fn(world.credentials, str(tmp_path / "none")))["files"] == 0
    assert asyncio.run(aupload_data.fn(world.credentials, str(tmp_path / "none" / "*.png")))["files"] == 0


def test_no_paths_and_no_changes_are_nothing_to_do(world: World) -> None:
    @flow
    def done() -> list[str]:
        states = [
            upload_data(world.credentials, [], return_state=True),
            update_data(world.credentials, {}, return_state=True),
        ]
        return [str(state.name) for state in states]

    assert done() == ["Skipped"] * 2
    assert asyncio.run(answer_of(aupload_data.fn(world.credentials, [], on_empty="fail"))) == "nothing"
    assert asyncio.run(answer_of(aupdate_data.fn(world.credentials, {}, on_empty="fail"))) == "nothing"
