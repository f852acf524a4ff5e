"""The quality gate, the pipeline's shape, and `@task.datalake`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider.decorators import datalake_task
from airflow_provider.handoff.xcoms import as_xcom
from airflow_provider.pipeline import datalake_pipeline
from datalake_ops.errors import ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import load_dags, run_dag
from tests.airflow.versions import TEST_DAGS

DAGS = load_dags(TEST_DAGS)


@pytest.mark.usefixtures("some_data")
def test_an_open_gate_lets_pass(lake: DatalakeHook) -> None:
    outcome = run_dag(DAGS["gates"], {"rules": [{"min_count": 3}, {"q": "width > 10000", "max_count": 0}]})

    assert set(outcome.tasks.values()) == {"success"}
    assert outcome.xcom("fail") == {"total": 3, "counts": [3, 0]}


@pytest.mark.usefixtures("some_data")
def test_a_shut_gate_fails_or_skips_without_a_retry_and_says_why(
    lake: DatalakeHook, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = run_dag(DAGS["gates"], {"rules": [{"min_count": 4}, {"tags": "demo", "max_share": 0.5}]})

    said = capfd.readouterr().out
    assert outcome.tasks == {
        "fail": "failed", "after_fail": "upstream_failed", "skip": "skipped", "after_skip": "skipped"
    }  # fmt: skip
    assert "at least 4 are wanted; 3 of 3 data are tagged demo (100.0%), at most 50.0% may be" in said
    assert outcome.xcom("fail", "summary") == {"total": 3, "counts": [3, 3]}
    assert {outcome.tries(name) for name in ("fail", "skip")} == {1}


def test_a_pipeline_has_its_tasks_in_order_and_nothing_that_was_not_asked_for() -> None:
    with DAG("anything") as dag:
        datalake_pipeline(
            "line",
            batch="b",
            promote="good",
            upload={"filepaths": "photos", "tags": "camera"},
            processings=["quality-tagging", "thumbnails"],
            default_args={"datalake_conn_id": "other"},
        )

    after = {name: sorted(one.downstream_task_ids) for name, one in dag.task_dict.items()}
    assert after == {
        "line.upload": ["line.quality-tagging", "line.thumbnails"],
        "line.quality-tagging": ["line.gate"],
        "line.thumbnails": ["line.gate"],
        "line.gate": ["line.promote"],
        "line.promote": [],
    }
    assert {one.datalake_conn_id for one in dag.tasks} == {"other"}
    assert dag.task_dict["line.upload"].tags == ["camera", "b"]
    assert dag.task_dict["line.gate"].rules == [{"min_count": 1}]


def test_a_pipeline_without_anything_to_ingest_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="something to ingest"), DAG("anything"):
        datalake_pipeline(batch="b", promote="good")


def test_airflow_finds_the_decorator() -> None:
    @task.datalake(task_id="named", retries=3)
    def plain(lake: Any, one: int, two: int = 2) -> int:
        return one + two

    with DAG("anything") as dag:
        plain(1)
        plain(two=5, one=3)

    assert [one.op_kwargs for one in dag.tasks] == [{"lake": None, "one": 1}, {"lake": None, "two": 5, "one": 3}]
    assert {one.retries for one in dag.tasks} == {3}


def test_the_decorator_refuses_a_function_that_cannot_get_the_hook() -> None:
    def without(tag: str) -> None: ...

    async def waiting(lake: Any) -> None: ...

    with DAG("anything"):
        with pytest.raises(ConfigurationError, match="a parameter `lake`"):
            datalake_task(without)("demo")
        with pytest.raises(ConfigurationError, match="is async"):
            datalake_task(waiting)()
        with pytest.raises(TypeError):
            datalake_task(lambda lake, tag: tag)("demo", "more")


def test_values_of_the_hook_fit_an_xcom(lake: DatalakeHook, some_data: list[str], tmp_path: Path) -> None:
    data = lake.list_data(order_by=["created_at"])
    values = {
        "all": data,
        "one": data[0],
        "tags": lake.list_data_tags(),
        "id": data[0].id,
        "report": lake.upload(tmp_path / "0.png", if_exists="skip"),
    }

    kept = as_xcom(values)

    assert json.loads(json.dumps(kept)) == kept
    assert sorted(kept["all"]) == sorted(some_data)
    assert kept["one"]["filename"] == data[0].filename
    assert [tag["name"] for tag in kept["tags"]] == ["demo"]
    assert kept["report"]["files"] == 1
    assert "http" not in json.dumps(kept)
