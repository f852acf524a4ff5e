"""Every field of every operator takes a value, refuses it before anything is sent, or has nothing to do.

The operators and their fields are found by introspection: a new one is in the table by itself.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider.compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException, BaseOperator
from airflow_provider.get_provider_info import get_provider_info
from airflow_provider.operators.abstract.arguments import ArgumentsOperator
from airflow_provider.operators.abstract.job import JobOperator
from airflow_provider.operators.abstract.selection import DataChoiceOperator, SelectionOperator
from datalake_ops.errors import ArgumentError, DatalakeError, NothingDoneError
from datalake_ops.hook import DatalakeHook
from datalake_ops.retryability import Remedy, remedy_of
from datalake_ops.testing.airflow import connected
from datalake_ops.testing.server import PlatformServer
from tests.airflow.versions import first_of

EmptyOperator = first_of(
    "airflow.providers.standard.operators.empty:EmptyOperator", "airflow.operators.empty:EmptyOperator"
)
# Values that make an operator complete, beside those of its signature without a default.
COMPLETE: dict[str, dict[str, Any]] = {
    "CreateProjectionOperator": {"pictures": {}},
    "FindDataOperator": {"filename": "0.png"},
    "ImportCloudObjectsOperator": {"objects": ["a.jpg"]},
    "PlanShardsOperator": {"max_files": 10},
    "QualityGateOperator": {"rules": [{"min_count": 0}], "tags": ["demo"]},
    "TagDataOperator": {"add": "checked"},
    "UpdateDataOperator": {"change": {"custom_metadata": {"checked": True}}},
}
# The other ways to say what a field says; given beside it, both are refused.
INSTEAD = {"shard": "filepaths", "manifest": "filepaths", "part": "objects", "changes": "change"}
CHOICES = ("data_ids", "ids", "tags", "q", "filenames", "object_names", "custom_metadata")
NOTHING = ("None wired", "None wired in a list", "[]", '""', "XCom of a skipped task")
FORMS = ("left out", *NOTHING, "list as text", "number as text", "number", "timedelta", "mapped XCom")


def _operators() -> dict[str, type[ArgumentsOperator]]:
    info = get_provider_info()
    modules = [name for kind in ("operators", "sensors") for name in info[kind][0]["python-modules"]]
    found = [one for name in modules for one in vars(import_module(name)).values() if isinstance(one, type)]
    return {one.__name__: one for one in found if one.__module__ in modules and issubclass(one, BaseOperator)}


OPERATORS = _operators()


class Lake:
    """A lake with data of the tag `demo` and others, a file to upload, and what of them has changed."""

    def __init__(self, hook: DatalakeHook, platform: PlatformServer, folder: Path) -> None:
        self.hook, self.platform, self.folder = hook, platform, folder
        self.demo = [str(one.id) for one in hook.list_data(tags="demo")]
        self.others = [str(one.id) for one in hook.list_data(tags="other")]
        self.before = self.content()

    def content(self) -> dict[str, Any]:
        """Tags and custom metadata of each data, by its id."""
        return {
            str(one.id): (sorted(tag.name for tag in one.tags), one.custom_metadata) for one in self.hook.list_data()
        }

    def jobs(self) -> set[str]:
        return {str(job.id) for job in self.hook.find_jobs()}

    def complete(self, operator: type[BaseOperator]) -> dict[str, Any]:
        """Arguments with which an operator does something."""
        samples = {
            "prefixes": ["nowhere/"], "processing": "quick", "directory": str(self.folder),
            "name": "checked", "objects": str(self.folder / "objects.txt"), "job_id": str(uuid4()), "rules": [],
            "summaries": [{}], "pictures": {},
        }  # fmt: skip
        parameters = inspect.signature(operator.__init__).parameters.values()
        needed = {one.name: samples[one.name] for one in parameters if one.default is one.empty and one.name in samples}
        if operator.__name__ == "UploadDataOperator":
            needed["filepaths"] = str(self.folder)
        if operator.__name__ == "PlanShardsOperator":
            needed["filepaths"] = str(self.folder)
        if issubclass(operator, SelectionOperator):
            needed["tags"] = ["demo"]
        if operator.__name__ == "DataSensor":
            needed |= {"tags": ["demo"], "mode": "poke", "timeout": 0.01, "poke_interval": 0.01}
        return {**needed, **COMPLETE.get(operator.__name__, {})}


@pytest.fixture(scope="module")
def a_lake(platform_server: PlatformServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    from PIL import Image

    folder = tmp_path_factory.mktemp("inputs")
    for number in range(4):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    (folder / "objects.txt").write_text("a.jpg\n")
    name = f"lake-{uuid4().hex[:8]}"
    platform_server.add_lake(name)
    with platform_server.hook(datalake_name=name) as hook, connected(platform_server, datalake_name=name):
        hook.upload([folder / "0.png", folder / "1.png"], tags=["demo"], if_exists="skip")
        hook.upload([folder / "2.png", folder / "3.png"], tags=["other"], if_exists="skip")
        yield Lake(hook, platform_server, folder)


def a_context(task: Any, pulled: Any) -> Any:
    ti = SimpleNamespace(
        dag_id="d", run_id=uuid4().hex, task_id="t", map_index=-1, start_date=datetime.now(UTC), try_number=1,
        max_tries=0,
        xcom_push=lambda **_: None, xcom_pull=lambda *_, **__: pulled,
        get_relevant_upstream_map_indexes=lambda *_, **__: None,
        _upstream_map_indexes={},
    )  # fmt: skip
    run = SimpleNamespace(start_date=datetime(2026, 1, 1, tzinfo=UTC))
    params = {"nothing": None, "listed": ["demo"], "ids": []}
    return {"ti": ti, "dag_run": run, "params": params, "task": task, "task_instance": ti, "expanded_ti_count": None}


def outcome_of(lake: Lake, operator: type[ArgumentsOperator], field: str, form: str, native: bool) -> str:
    """The end of a task with a value of a form in a field: done, nothing, or refused; other ends raise."""
    pulled: Any = None
    values: dict[str, Callable[[], Any]] = {
        "None wired": lambda: "{{ params.nothing }}",
        "None wired in a list": lambda: ["{{ params.nothing }}"],
        "[]": list,
        '""': str,
        "list as text": lambda: "{{ params.listed }}",
        "number as text": lambda: "7",
        "number": lambda: 7,
        "timedelta": lambda: timedelta(minutes=5),
    }
    arguments = lake.complete(operator)
    if field in CHOICES:
        arguments = {name: value for name, value in arguments.items() if name not in (*CHOICES, "filename")}
    if field in INSTEAD:
        arguments.pop(INSTEAD[field], None)
    if issubclass(operator, JobOperator):
        arguments["wait_for_completion"] = False
    if "asset_events" in _parameters(operator):
        arguments["asset_events"] = False
    arguments.pop(field, None)
    with DAG("inputs", render_template_as_native_obj=native):
        if form in values:
            arguments[field] = values[form]()
        elif "XCom" in form:
            arguments[field] = EmptyOperator(task_id="upstream").output
            pulled = None if form == "XCom of a skipped task" else [[lake.demo[0]], [lake.demo[1]]]
        task = operator(task_id="t", **arguments)
    return end_of(task, a_context(task, pulled), runs(operator, field, form))


def end_of(task: Any, context: Any, is_run: bool) -> str:
    """The end of a task, or of the check of its arguments; an end that is none of the three raises."""
    try:
        task.render_template_fields(context)
        if is_run:
            # A mapped task has put its instance there.
            context["task"].execute(context)
        else:
            task.normalise_arguments()
    except AirflowSensorTimeout:
        return "done"
    except AirflowSkipException:
        return "nothing"
    except (AirflowFailException, NothingDoneError):
        return "refused"
    except (DatalakeError, FileNotFoundError) as error:
        if remedy_of(error) is not Remedy.GIVE_UP:
            raise
        return "nothing" if isinstance(error, LookupError) else "refused"
    return "done"


def runs(operator: type[ArgumentsOperator], field: str, form: str) -> bool:
    """Whether a case is run to its end: those that choose data or leave nothing to do. The others are only checked."""
    kind = operator.argument_fields[field]
    decides = kind.empty is not None or kind.is_required
    return decides and (form in NOTHING or not issubclass(operator, JobOperator))


def _parameters(operator: type[BaseOperator]) -> set[str]:
    return {
        name
        for one in operator.__mro__
        if one.__module__.startswith("airflow_provider") and "__init__" in vars(one)
        for name in inspect.signature(one.__init__).parameters
    }


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_a_field_takes_a_value_or_refuses_it_and_never_widens_a_choice(
    a_lake: Lake, name: str, native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Some values are taken for relative paths.
    monkeypatch.chdir(tmp_path)
    operator, unexpected, jobs = OPERATORS[name], [], a_lake.jobs()
    for field in operator.argument_fields:
        for form in FORMS:
            where = f"{field}, {form}"
            required = inspect.signature(operator.__init__).parameters.get(field)
            if form == "left out" and required is not None and required.default is required.empty:
                continue
            try:
                outcome = outcome_of(a_lake, operator, field, form, native)
            except Exception as error:
                unexpected.append(f"{where}: {type(error).__name__}: {error}")
                continue
            if not runs(operator, field, form):
                continue
            if form in NOTHING:
                # A gate counts 0 then, and nothing that is empty ever arrives.
                wanted = {"DataSensor": ("refused",), "QualityGateOperator": ("done", "refused", "nothing")}
                if outcome not in wanted.get(name, ("nothing",)):
                    unexpected.append(f"{where}: {outcome}")
            content = a_lake.content()
            touched = [one for one in a_lake.others if content[one] != a_lake.before[one]]
            if touched:
                unexpected.append(f"{where}: data were changed that nobody chose")
                a_lake.before |= {one: content[one] for one in touched}
    # Of operators that start a job only values that choose nothing were run to their end.
    assert a_lake.jobs() == jobs
    assert not unexpected, json.dumps(unexpected, indent=1)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_every_argument_is_a_field_or_is_said_not_to_be_templated(name: str) -> None:
    operator = OPERATORS[name]
    # These are read when the DAG is parsed.
    static = {
        "self", "kwargs", "everything", "on_empty", "on_kill", "on_timeout", "on_failure", "wait_for_completion",
        "deferrable", "asset_events", "sizes", "manifest_allow",
    }  # fmt: skip

    assert _parameters(operator) - set(operator.argument_fields) <= static
    assert set(operator.argument_fields) <= set(operator.template_fields)


@pytest.mark.parametrize("name", sorted(one for one in OPERATORS if issubclass(OPERATORS[one], DataChoiceOperator)))
def test_a_verb_that_writes_needs_a_choice_or_everything(a_lake: Lake, name: str) -> None:
    arguments = {key: value for key, value in a_lake.complete(OPERATORS[name]).items() if key != "tags"}
    task = OPERATORS[name](task_id="t", **arguments)

    with pytest.raises((DatalakeError, AirflowFailException), match="needs a choice of data"):
        task.execute(a_context(task, None))


@pytest.mark.parametrize("field", ["everything", "wait_for_completion", "deferrable", "asset_events"])
def test_a_flag_of_the_dag_file_is_true_or_false_and_no_other_text(a_lake: Lake, field: str) -> None:
    operators = [one for one in OPERATORS.values() if field in _parameters(one)]
    assert operators
    for operator in operators:
        needed = {key: value for key, value in a_lake.complete(operator).items() if key != "tags"}
        for word, meant in (("false", False), ("no", False), ("True", True), (True, True)):
            assert getattr(operator(task_id="t", **needed, **{field: word}), field) is meant
        for neither in ("{{ params.all }}", "", "all", ["x"]):
            with pytest.raises(ArgumentError, match=f"{field} cannot be"):
                operator(task_id="t", **needed, **{field: neither})


MAPPED_NOTHING: list[Any] = [None, "None", "", [], [""], [None]]


def _mapped_end(lake: Lake, operator: type[ArgumentsOperator], field: str, value: Any, way: str) -> str:
    arguments = lake.complete(operator)
    if field in CHOICES:
        arguments = {name: one for name, one in arguments.items() if name not in (*CHOICES, "filename")}
    if field in INSTEAD:
        arguments.pop(INSTEAD[field], None)
    arguments.pop(field, None)
    with DAG("mapped", default_args={"owner": "team", "order_by": ["filename"]}):
        partial, upstream = operator.partial(task_id="t", **arguments), EmptyOperator(task_id="upstream").output
        if way == "expand":
            mapped, pulled = partial.expand(**{field: upstream}), [value]
        elif way == "expand in the DAG file":
            mapped, pulled = partial.expand(**{field: [value]}), None
        else:
            mapped, pulled = partial.expand_kwargs(upstream), [{field: value}]
    context = {**a_context(mapped, pulled), "dag": mapped.dag}
    context["ti"].map_index, context["dag_run"].conf = 0, {}
    return end_of(mapped, context, is_run=True)


@pytest.mark.needs_airflow("3.0", "Airflow 2 expands a mapped task by its database, and not by a context alone")
@pytest.mark.parametrize("way", ["expand", "expand in the DAG file", "expand_kwargs"])
@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_a_mapped_value_that_is_nothing_was_given_and_is_empty(a_lake: Lake, name: str, way: str) -> None:
    operator, unexpected, jobs, content = OPERATORS[name], [], a_lake.jobs(), a_lake.content()
    # A gate counts 0 then, and nothing that is empty ever arrives.
    wanted = {"DataSensor": ("refused",), "QualityGateOperator": ("done", "refused", "nothing")}.get(name, ("nothing",))
    fields = [one for one, kind in operator.argument_fields.items() if kind.empty is not None or kind.is_required]
    for field, value in product(fields, MAPPED_NOTHING):
        end = _mapped_end(a_lake, operator, field, value, way)
        if end not in wanted:
            unexpected.append(f"{field}={value!r}: {end}")
    assert not unexpected, json.dumps(unexpected, indent=1)
    assert (a_lake.jobs(), a_lake.content()) == (jobs, content)
