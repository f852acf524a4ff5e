"""Values as DAGs give them: names in native DAGs, defaults, many jobs, seconds, and tasks with nothing to do."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from PIL import Image

from airflow_provider.compat import AirflowFailException, AirflowSkipException
from airflow_provider.decorators import DatalakeDecoratedOperator
from airflow_provider.handoff.xcoms import as_xcom
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.job_lifecycle.retry_policy import mapped_delay
from airflow_provider.operators.data import ListDataOperator, UpdateDataOperator
from airflow_provider.operators.import_bucket import ImportBucketOperator
from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.operators.quality_gate import QualityGateOperator
from airflow_provider.operators.shards import PlanShardsOperator
from airflow_provider.operators.tags import GetOrCreateDataTagOperator, ListDataTagsOperator, TagDataOperator
from airflow_provider.operators.upload import UploadDataOperator
from airflow_provider.sensors.data import DataSensor
from airflow_provider.sensors.job import JobSensor
from airflow_provider.triggers.job import JobTrigger
from datalake_ops.errors import ArgumentError, ConfigurationError, NoDataError, QualityGateError
from datalake_ops.hook import DatalakeHook as SharedHook
from datalake_ops.upload.sources.manifest import Manifest


def a_context(**params: Any) -> Any:
    ti = SimpleNamespace(
        dag_id="d", run_id="r", task_id="t", map_index=-1, start_date=None, try_number=1, max_tries=0,
        xcom_push=lambda **_: None,
    )  # fmt: skip
    return {"ti": ti, "dag_run": SimpleNamespace(start_date=None), "params": params}


def rendered(operator: type, native: bool, params: dict[str, Any], **arguments: Any) -> Any:
    with DAG("values", render_template_as_native_obj=native):
        task = operator(task_id="t", **arguments)
    task.render_template_fields(a_context(**params))
    task.normalise_arguments()
    return task


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name", ["2026.10", "1_000", "1e3", "20261129", "True", "2026"])
def test_a_name_is_the_templates_own_text(native: bool, name: str) -> None:
    task = rendered(
        TagDataOperator, native, {"name": name}, tags=["{{ params.name }}"], q="width > {{ params.name }}", add=name
    )

    assert (task.tags, task.q, task.add) == ([name], f"width > {name}", [name])


@pytest.mark.parametrize("native", [False, True])
def test_a_template_of_a_list_is_the_list(native: bool) -> None:
    params = {"tags": ["alpha", "beta"], "change": {"tags": ["a"]}}
    task = rendered(UploadDataOperator, native, params, filepaths="{{ params.tags }}", tags="{{ params.tags }}")

    assert (task.filepaths, task.tags) == (["alpha", "beta"], ["alpha", "beta"])


def test_a_tag_that_came_out_as_none_is_not_made(lake: SharedHook) -> None:
    with DAG("values"):
        task = GetOrCreateDataTagOperator(task_id="t", name="{{ params.name }}")
    context = a_context(name=None)
    task.render_template_fields(context)

    with pytest.raises(AirflowSkipException):
        task.execute(context)
    assert lake.list_data_tags() == []


@pytest.mark.parametrize("native", [False, True])
def test_a_template_in_a_list_or_mapping_that_came_out_as_none_is_no_name(native: bool) -> None:
    none = "{{ params.none }}"
    change = {"tags": [none], "data_source": none, "custom_metadata": {"label": "None of them", "batch": none}}

    upload = rendered(UploadDataOperator, native, {"none": None}, filepaths="a.png", tags=[none])
    update = rendered(UpdateDataOperator, native, {"none": None}, data_ids=[], change=change)

    assert upload.tags is None
    assert update.change == {
        "tags": [None], "data_source": None, "custom_metadata": {"label": "None of them", "batch": None},
    }  # fmt: skip
    with pytest.raises(ArgumentError, match="add"):
        rendered(TagDataOperator, native, {"none": None}, tags="demo", add=["seen", none])


@pytest.mark.parametrize(
    ("operator", "arguments"),
    [
        (TagDataOperator, {"tags": ["a", "b"], "intersect_tags": "{{ params.none }}"}),
        (ListDataOperator, {"tags": "a", "limit": 10, "offset": "{{ params.none }}"}),
        (ListDataOperator, {"tags": "a", "datalake_conn_id": "{{ params.none }}"}),
        (DataSensor, {"tags": ["a", "b"], "intersect_tags": "{{ params.none }}"}),
        (JobSensor, {"job_id": [], "datalake_conn_id": ["{{ params.none }}"]}),
        (ImportBucketOperator, {"prefixes": ["night/", "{{ params.none }}"]}),
        (ImportBucketOperator, {"prefixes": ["night/", ""]}),
        (ImportBucketOperator, {"prefixes": "night/", "source": "{{ params.listed }}"}),
        (UploadDataOperator, {"filepaths": "a.png", "source": "{{ params.listed }}"}),
        (UploadDataOperator, {"filepaths": "a.png", "tags": "{{ params.mappings }}"}),
        (GetOrCreateDataTagOperator, {"name": "{{ params.listed }}"}),
        (DataSensor, {"tags": ["a", "b"], "min_count": "{{ params.none }}"}),
        (DataSensor, {"tags": ["a", "b"], "stable_for": "{{ params.none }}"}),
        (QualityGateOperator, {"tags": "a", "rules": [{"min_count": 1}, None]}),
        (QualityGateOperator, {"tags": "a", "rules": "{{ params.rules }}"}),
        (LaunchProcessingOperator, {"processing": "{{ params.listed }}", "tags": "a"}),
        (UploadDataOperator, {"filepaths": "a.png", "asset_partitions": "x" * 251}),
    ],
)
@pytest.mark.parametrize("native", [False, True])
def test_an_argument_that_came_out_as_something_else_than_was_meant_is_refused(
    operator: type, native: bool, arguments: dict[str, Any]
) -> None:
    with pytest.raises((ArgumentError, NoDataError)) as refused:
        rendered(
            operator,
            native,
            {"none": None, "listed": ["a", "b"], "mappings": [{"name": "a"}], "rules": [None, {"min_count": 0}]},
            **arguments,
        )

    assert isinstance(refused.value, ArgumentError) or operator is JobSensor


@pytest.mark.parametrize("given", ["", [""], ["{{ params.none }}"], ["{{ params.empty }}"], [], "{{ params.many }}"])
def test_only_a_prefix_of_the_dag_file_is_the_whole_bucket(given: Any) -> None:
    if given == [""]:
        assert rendered(ImportBucketOperator, False, {}, prefixes=given).prefixes == [""]
        return
    with pytest.raises(NoDataError):
        rendered(ImportBucketOperator, False, {"none": None, "empty": "", "many": [""]}, prefixes=given)


@pytest.mark.parametrize("tags", [[], "", "{{ params.none }}", ["{{ params.none }}"]])
def test_a_rule_of_a_gate_whose_choice_is_empty_counts_no_data(some_data: list[str], tags: Any) -> None:
    with DAG("values"):
        gate = QualityGateOperator(task_id="t", tags=["demo"], rules=[{"tags": tags, "min_count": "1"}])
    context = a_context(none=None)
    gate.render_template_fields(context)

    with pytest.raises((QualityGateError, AirflowFailException), match="0 of 3 data"):
        gate.execute(context)


@pytest.mark.parametrize("limit", [None, "{{ params.none }}"])
def test_a_limit_of_a_rule_that_is_none_is_refused(some_data: list[str], limit: Any) -> None:
    with DAG("values"):
        gate = QualityGateOperator(task_id="t", tags=["demo"], rules=[{"min_count": 1, "max_count": limit}])
    context = a_context(none=None)
    gate.render_template_fields(context)

    with pytest.raises((ArgumentError, AirflowFailException), match="max_count cannot be None"):
        gate.execute(context)


@pytest.mark.parametrize("on_empty", ["skip", "fail"])
def test_folders_and_patterns_without_a_file_are_nothing_to_do(lake: SharedHook, tmp_path: Path, on_empty: Any) -> None:
    (tmp_path / "notes.txt").touch()
    end = {"skip": AirflowSkipException, "fail": (NoDataError, AirflowFailException)}[on_empty]
    choices: list[dict[str, Any]] = [
        {"filepaths": str(tmp_path)}, {"filepaths": str(tmp_path / "*.png")}, {"manifest": str(tmp_path / "rows.csv")},
        {"filepaths": str(tmp_path), "include": []},
    ]  # fmt: skip
    (tmp_path / "rows.csv").write_text("path\n")

    for given in choices:
        upload = UploadDataOperator(task_id="t", on_empty=on_empty, asset_events=False, **given)
        plan = PlanShardsOperator(task_id="p", on_empty=on_empty, max_files=10, **given)
        for task in (upload, plan):
            with pytest.raises(end):
                task.execute(a_context())
    assert lake.count_data() == 0


@pytest.mark.parametrize(
    ("operator", "arguments"),
    [
        (QualityGateOperator, {"tags": "demo", "rules": "{{ params.none }}"}),
        (QualityGateOperator, {"tags": "demo", "rules": ["{{ params.none }}"]}),
        (UpdateDataOperator, {"tags": "demo", "change": "{{ params.none }}"}),
        (UploadDataOperator, {"manifest": "{{ params.none }}"}),
        (PlanShardsOperator, {"manifest": "{{ params.none }}", "max_files": 10}),
        (LaunchProcessingOperator, {"processing": "{{ params.none }}", "data_ids": "{{ params.none }}"}),
    ],
)
def test_what_a_skipped_task_was_to_give_leaves_nothing_to_do(
    some_data: list[str], operator: type, arguments: dict[str, Any]
) -> None:
    with DAG("values"):
        task = operator(task_id="t", **arguments)
    context = a_context(none=None)
    task.render_template_fields(context)

    with pytest.raises(AirflowSkipException):
        task.execute(context)


def test_a_gate_without_rules_in_the_dag_file_is_no_gate(some_data: list[str]) -> None:
    with pytest.raises((ConfigurationError, AirflowFailException), match="needs `rules`"):
        QualityGateOperator(task_id="t", tags="demo", rules=[]).execute(a_context())


def test_a_file_whose_name_is_no_utf_8_costs_its_own_row(lake: SharedHook, tmp_path: Path) -> None:
    for name in (b"caf\xe9.png", b"good.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "drawn.png")
        (tmp_path / "drawn.png").rename(tmp_path / os.fsdecode(name))
    task = UploadDataOperator(task_id="t", filepaths=str(tmp_path), max_failed=1, asset_events=False)

    summary = task.execute(a_context())

    assert (summary["counts"]["UPLOADED"], summary["counts"]["FAILED"]) == (1, 1)
    # XComs lie in databases, which take no undecodable bytes.
    assert summary["errors"][0]["path"].encode().endswith(rb"/caf\udce9.png")


@pytest.mark.parametrize("timeout", [timedelta(minutes=5), "300", "0:05:00", 300])
def test_seconds_are_taken_in_every_form(timeout: Any) -> None:
    task = LaunchProcessingOperator(task_id="t", processing="p", timeout=timeout, poll_interval="2")
    task.normalise_arguments()

    assert (task.timeout, task.poll_interval) == (300.0, 2.0)


@pytest.mark.parametrize("timeout", ["soon", 0, "0", timedelta(0)])
def test_wrong_seconds_are_refused_before_a_job_is_started(
    lake: SharedHook, some_data: list[str], timeout: Any
) -> None:
    task = LaunchProcessingOperator(task_id="t", processing="quick", data_ids=some_data, timeout=timeout)
    before = len(lake.find_jobs())

    with pytest.raises((ArgumentError, AirflowFailException), match="timeout cannot be"):
        task.execute(a_context())
    assert len(lake.find_jobs()) == before


@pytest.mark.usefixtures("some_data")
@pytest.mark.parametrize(
    ("on_empty", "end"), [("skip", AirflowSkipException), ("fail", NoDataError), ("succeed", None)]
)
def test_on_empty_decides_the_end_of_a_task_with_nothing_to_do(on_empty: Any, end: Any) -> None:
    for given in ({"tags": []}, {"tags": ["nobody"]}):
        task = ListDataOperator(task_id="t", on_empty=on_empty, **given)
        if end is None:
            assert task.execute(a_context()) == {"count": 0, "data_ids": []}
        else:
            with pytest.raises((end, AirflowFailException)):
                task.execute(a_context())


def test_filters_of_default_args_give_way_to_ids(lake: SharedHook, some_data: list[str]) -> None:
    with DAG("values", default_args={"q": "width > 100000"}):
        task = TagDataOperator(task_id="t", data_ids=[[some_data[0]], [some_data[1]]], add="x", asset_events=False)

    assert task.execute(a_context()) == 2
    assert {str(one) for one in lake.list_data(tags="x").ids} == set(some_data[:2])


def test_tags_of_default_args_that_choose_data_to_change_are_warned_of(
    some_data: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with DAG("values", default_args={"tags": ["demo"]}):
        task = TagDataOperator(task_id="t", add="x", asset_events=False)

    assert task.execute(a_context()) == len(some_data)
    assert task._defaulted == {"tags"}


class Lazy(Sequence[str]):
    """Results of mapped tasks, read one by one, as Airflow's own are."""

    def __init__(self, *values: str) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]


def two_jobs(lake: SharedHook) -> list[str]:
    return [str(lake.import_bucket_objects([f"nowhere-{number}/"]).id) for number in range(2)]


def test_a_sensor_waits_for_many_jobs(lake: SharedHook) -> None:
    ids = two_jobs(lake)

    task = JobSensor(task_id="t", job_id=Lazy(*ids), poke_interval=0.1, timeout=120)

    assert task.execute(a_context()) == ids


def test_a_trigger_waits_for_many_jobs(lake: SharedHook) -> None:
    ids = two_jobs(lake)
    trigger = JobTrigger("datalake_default", ids[0], job_ids=ids)

    async def fired() -> Any:
        return [event.payload async for event in trigger.run()]

    [payload] = asyncio.run(fired())

    assert payload["outcome"] == "ended"
    assert payload["job_id"] in ids
    assert trigger.serialize()[1]["job_ids"] == ids


def test_a_generator_of_data_is_the_list_of_their_ids(lake: SharedHook, some_data: list[str]) -> None:
    assert sorted(as_xcom(lake.iter_data(tags="demo"))) == sorted(some_data)


def test_sets_and_views_of_ids_are_lists(lake: SharedHook, some_data: list[str]) -> None:
    found = {one.id: one for one in lake.list_data(tags="demo")}

    for values in (set(found), found.keys(), found.values(), frozenset(found)):
        assert sorted(as_xcom(values)) == sorted(some_data)


def test_an_async_generator_is_refused_when_the_dag_is_parsed() -> None:
    async def ids(lake: Any) -> Any:
        yield lake

    with pytest.raises(ConfigurationError, match="is async"):
        DatalakeDecoratedOperator(task_id="t", python_callable=ids)


@pytest.mark.parametrize("prefix", ["", "{{ params.none }}", ["{{ params.none }}"]])
def test_an_empty_prefix_of_tags_lists_none(lake: SharedHook, prefix: Any) -> None:
    lake.create_data_tag("batch-1")
    with DAG("values"):
        task = ListDataTagsOperator(task_id="t", prefix=prefix, on_empty="succeed")
    context = a_context(none=None)
    task.render_template_fields(context)

    assert task.execute(context) == []
    assert ListDataTagsOperator(task_id="all").execute(context) == ["batch-1"]


def test_mapped_instances_come_back_at_different_moments() -> None:
    def delay(map_index: int) -> timedelta | None:
        ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=map_index)
        task = SimpleNamespace(retry_delay=timedelta(seconds=100), retry_exponential_backoff=0, max_retry_delay=None)
        return mapped_delay({"ti": ti, "task": task}, 1)  # type: ignore[typeddict-item]

    delays = {delay(number) for number in range(20)}

    assert len(delays) == 20
    assert all(one is not None and 100 <= one.total_seconds() <= 125 for one in delays)
    assert delay(-1) is None


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost:1", "h ost", "http://h:1:2", "https://h/?token=secret"])
def test_the_test_of_a_connection_answers_whatever_was_typed(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "datalake", "password": "t", "host": host}
    monkeypatch.setenv("AIRFLOW_CONN_TYPED", json.dumps(fields))

    works, message = DatalakeHook("typed").test_connection()

    assert not works
    assert "secret" not in message


@pytest.mark.parametrize("operator", [PlanShardsOperator, UploadDataOperator])
@pytest.mark.parametrize(
    ("manifest", "foreign"),
    [
        ("{folder}/2026-11-30.jsonl", False),
        ("{folder}/{{{{ ds }}}}.jsonl", False),
        ("{folder}/{{{{ macros.ds_add(ds, 0) }}}}.jsonl", False),
        ("{{{{ params.manifest }}}}", True),
        ("{folder}/{{{{ run_id }}}}.jsonl", True),
        ("{folder}/{{% if params.day %}}{{{{ ds }}}}{{% endif %}}.jsonl", True),
    ],
)
def test_a_manifest_that_a_run_names_reaches_its_base_alone(
    lake: SharedHook, tmp_path: Path, operator: Any, manifest: str, foreign: bool
) -> None:
    from airflow_provider.operators.abstract.manifests import manifest_of

    address = tmp_path / "2026-11-30.jsonl"
    given = {"max_files": 1} if operator is PlanShardsOperator else {}
    with DAG("values"):
        task = operator(task_id="t", manifest=manifest.format(folder=tmp_path), manifest_allow="/usr", **given)
    names = {"ds": "2026-11-30", "run_id": "2026-11-30", "macros": SimpleNamespace(ds_add=lambda day, _: day)}
    task.render_template_fields(a_context(manifest=str(address), day=True) | names)
    task.normalise_arguments()

    found = manifest_of(task)

    assert found == Manifest(str(address), allow=["/usr"], foreign=foreign)
    assert "manifest_allow" not in operator.template_fields


def test_a_shard_of_a_runs_manifest_tells_what_it_may_reach(lake: SharedHook, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"path": "/etc/a.png"}\n')
    with DAG("values"):
        task = PlanShardsOperator(task_id="t", manifest="{{ params.manifest }}", max_files=10)
    context = a_context(manifest=str(tmp_path / "m.jsonl"))
    task.render_template_fields(context)

    [shard] = task.execute(context)

    assert shard["pieces"][0]["foreign"] is True
