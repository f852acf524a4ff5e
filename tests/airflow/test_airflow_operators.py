"""What the operators refuse, what they hand on as files, and which options they take from `default_args`."""

from __future__ import annotations

import doctest
import inspect
import json
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider.compat import AirflowFailException, BaseOperator
from airflow_provider.get_provider_info import get_provider_info
from airflow_provider.handoff.id_files import given_ids, given_rows
from airflow_provider.handoff.storage import Storage
from airflow_provider.job_lifecycle.retry_policy import DatalakeRetryPolicy
from datalake_ops.errors import ConfigurationError, DatalakeError, NoDataError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.airflow import load_dags, run_dag
from tests.airflow.versions import TEST_DAGS

DAGS = load_dags(TEST_DAGS)
POLICY = ("on_kill", "on_timeout", "on_failure")
UNKNOWN = "01a203c1-43a0-7463-8ff4-638b1047a054"


def _operators() -> dict[str, type[BaseOperator]]:
    info = get_provider_info()
    modules = [name for kind in ("operators", "sensors") for name in info[kind][0]["python-modules"]]
    named = [(name, one, module) for module in modules for name, one in vars(import_module(module)).items()]
    return {
        name: one
        for name, one, module in named
        if isinstance(one, type) and one.__module__ == module and issubclass(one, BaseOperator)
    }


OPERATORS = _operators()


def execute(name: str, /, **arguments: Any) -> Any:
    """What an operator returns; fails when it fails."""
    operator = OPERATORS[name]
    path = f"{operator.__module__}.{operator.__qualname__}"
    outcome = run_dag(DAGS["any_operator"], {"operator": path, "arguments": arguments})
    assert outcome.succeeded
    return outcome.xcom("execute")


def refusal(capfd: pytest.CaptureFixture[str], name: str, /, **arguments: Any) -> str:
    """What an operator says when it fails."""
    operator = OPERATORS[name]
    path = f"{operator.__module__}.{operator.__qualname__}"
    outcome = run_dag(DAGS["any_operator"], {"operator": path, "arguments": arguments})
    assert not outcome.succeeded
    return capfd.readouterr().out


def own_options(operator: type[BaseOperator]) -> dict[str, inspect.Parameter]:
    """The options that our classes declare, those of the classes above included."""
    ours = [one for one in operator.__mro__ if one.__module__.startswith("airflow_provider")]
    declared: dict[str, inspect.Parameter] = {}
    for one in ours:
        if "__init__" in vars(one):
            declared |= inspect.signature(one.__init__).parameters
    return {name: one for name, one in declared.items() if name != "self" and one.kind is one.KEYWORD_ONLY}


def any_value_of_each_option(operator: type[BaseOperator]) -> dict[str, Any]:
    """A value for each option: most take any until the task runs; a few are one of two or three words, or a flag."""
    flags = {"everything": True, "wait_for_completion": False, "deferrable": True, "asset_events": False}
    words = {**dict.fromkeys(POLICY, "leave"), **flags, "on_empty": "fail"}
    return {option: words.get(option, {"of": option}) for option in own_options(operator)}


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_default_args_reach_every_option(name: str) -> None:
    operator = OPERATORS[name]
    given = any_value_of_each_option(operator)

    with DAG("anything", default_args=given):
        task = operator(task_id="task")

    taken = {option: getattr(task.cancel_policy if option in POLICY else task, option) for option in given}
    assert taken == given


@pytest.mark.needs_airflow("3.3", "retry policies came with it")
@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_every_operator_has_the_retry_policy(name: str) -> None:
    given = any_value_of_each_option(OPERATORS[name])

    task = OPERATORS[name](task_id="task", default_args=given)

    assert isinstance(task.retry_policy, DatalakeRetryPolicy)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_every_operator_shows_how_it_is_used(name: str) -> None:
    operator = OPERATORS[name]

    assert "Example:" in (operator.__doc__ or "")
    code = "".join(example.source for example in doctest.DocTestParser().get_examples(operator.__doc__ or ""))
    with DAG("documented"):
        # What an example takes for granted: an upload that came before.
        upload = OPERATORS["UploadDataOperator"](task_id="before", filepaths="photos")
        exec(code, {**OPERATORS, "upload": upload})
    assert f"{name}(" in code or f"{name}.partial(" in code


def test_more_ids_than_an_xcom_holds_need_a_file(
    lake: DatalakeHook, some_data: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capfd, "ListDataOperator", tags=["demo"], max_ids=2)
    listed = execute("ListDataOperator", tags=["demo"], max_ids=2, ids_to=str(tmp_path / "ids.txt"))
    counted = execute("ListDataOperator", tags=["demo"], max_ids=0)

    assert "3 data match, and an XCom takes max_ids=2 ids" in said
    assert (listed["count"], listed["data_ids"]) == (3, [])
    assert sorted((tmp_path / "ids.txt").read_text().split()) == sorted(some_data)
    assert counted == {"count": 3, "data_ids": []}


def test_a_file_of_ids_goes_wherever_a_list_goes(lake: DatalakeHook, some_data: list[str], tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\n".join(some_data[:2]) + "\n\n")
    file = str(tmp_path / "ids.txt")

    tagged = execute("TagDataOperator", data_ids=file, add="chosen")
    updated = execute("UpdateDataOperator", data_ids=f"file://{file}", change={"tags": ["touched"]})
    listed = execute("ListDataOperator", ids=file, tags=["touched"])
    files = execute("DownloadDataOperator", data_ids=file, directory=str(tmp_path / "files"))

    assert (tagged, updated, listed["count"], files["count"]) == (2, 2, 2, 2)
    assert {str(one) for one in lake.list_data(tags=["chosen", "touched"], intersect_tags=True).ids} == set(
        some_data[:2]
    )
    assert sorted(files["files"]) == sorted(map(str, (tmp_path / "files").iterdir()))


def test_a_saved_report_is_a_file_of_ids(lake: DatalakeHook, an_image: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    lake.upload([an_image("one.png"), tmp_path / "broken.png"]).save(tmp_path / "report.jsonl")

    assert execute("TagDataOperator", data_ids=str(tmp_path / "report.jsonl"), add="reported") == 1
    assert [data.filename for data in lake.list_data(tags="reported")] == ["one.png"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"data_ids": []}, "`data_ids` is empty"),
        ({"data_ids": "no such file"}, "neither the id of a data (a UUID) nor a file with ids"),
        ({"data_ids": "['a', 'b']"}, "identifiers are UUIDs"),
        ({"data_ids": [UNKNOWN], "tags": ["demo"]}, "Give `data_ids` or filters, not both"),
        ({}, "needs a choice of data"),
        ({"tags": ["nobody"]}, "No data of the lake match"),
    ],
)
def test_a_choice_of_data_that_cannot_be_meant_is_refused(
    lake: DatalakeHook, some_data: list[str], capfd: pytest.CaptureFixture[str], given: dict[str, Any], words: str
) -> None:
    assert words in refusal(capfd, "TagDataOperator", add="x", on_empty="fail", **given)
    assert [tag.name for tag in lake.list_data_tags()] == ["demo"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tags": ["demo"], "filenames": []}, "`filenames` is empty"),
        ({"object_names": []}, "`object_names` is empty"),
        ({"tags": []}, "`tags` is empty"),
        ({"tags": "", "q": "width > 1"}, "`tags` is empty"),
        ({"tags": ["demo"], "limit": 0}, "limit cannot be 0"),
        ({"intersect_tags": True, "order_by": ["filename"], "offset": 2}, "needs a choice of data"),
        ({"intersect_tags": True, "order_by": ["filename"], "q": ""}, "`q` is empty"),
    ],
)
def test_a_filter_that_came_out_empty_never_widens_the_choice(
    lake: DatalakeHook, some_data: list[str], given: dict[str, Any], words: str
) -> None:
    operator = OPERATORS["TagDataOperator"](task_id="t", add="x", on_empty="fail", **given)
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}

    with pytest.raises((DatalakeError, AirflowFailException), match=words):
        operator.execute(context)
    assert [tag.name for tag in lake.list_data_tags()] == ["demo"]


def test_a_listing_a_gate_and_a_sensor_refuse_filters_that_came_out_empty(lake: DatalakeHook) -> None:
    with pytest.raises(NoDataError, match="`filenames` is empty"):
        OPERATORS["ListDataOperator"](task_id="t", filenames=[]).select(lake)
    with pytest.raises((ConfigurationError, AirflowFailException), match="tags cannot be"):
        OPERATORS["DataSensor"](task_id="t", tags=[]).execute({})


def test_a_gate_refuses_filters_that_it_cannot_count_by(lake: DatalakeHook, capfd: pytest.CaptureFixture[str]) -> None:
    said = refusal(capfd, "QualityGateOperator", rules=[{"min_count": 1}], tags=["x"], filenames=["a.png"], limit=3)

    assert "counts by tags, q and custom_metadata, not by ['filenames', 'limit']" in said


def test_a_change_keeps_what_it_does_not_name(
    lake: DatalakeHook, an_image: Callable[[str], Path], tmp_path: Path
) -> None:
    path = an_image("one.png")
    [data] = lake.upload(path, custom_metadata={"shift": "night"}, if_exists="skip").data

    execute("UpdateDataOperator", data_ids=str(data.id), change={"custom_metadata": {"seen": True}})
    merged = lake.get_data(data.id).custom_metadata
    again = lake.upload(path, if_exists="skip").counts()
    rows = [json.dumps({"data_id": str(data.id), "custom_metadata": {"only": 1}})]
    (tmp_path / "changes.jsonl").write_text("\n".join(rows))
    execute("UpdateDataOperator", changes=str(tmp_path / "changes.jsonl"), merge=False)

    assert {key: (merged or {})[key] for key in ("shift", "seen")} == {"shift": "night", "seen": True}
    assert again["SKIPPED"] == 1
    assert lake.get_data(data.id).custom_metadata == {"only": 1}


def test_several_changes_of_one_data_are_all_done(lake: DatalakeHook, some_data: list[str], tmp_path: Path) -> None:
    rows = [{"data_id": some_data[0], "custom_metadata": {name: 1}} for name in ("first", "second")]
    (tmp_path / "changes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    update = OPERATORS["UpdateDataOperator"](task_id="t", changes=str(tmp_path / "changes.jsonl"))

    changed = update.execute({"ti": SimpleNamespace(xcom_push=lambda **_: None)})

    assert changed == 2
    assert {"first", "second"} <= set(lake.get_data(some_data[0]).custom_metadata or {})


def test_more_tags_than_an_xcom_holds_are_refused(lake: DatalakeHook) -> None:
    for name in ("a-1", "a-2", "b"):
        lake.create_data_tag(name)
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}

    # Before Airflow 3.3 it is what forbids retries.
    with pytest.raises((ConfigurationError, AirflowFailException), match="3 tags match, and an XCom takes max_tags=2"):
        OPERATORS["ListDataTagsOperator"](task_id="t", max_tags=2).execute(context)
    assert OPERATORS["ListDataTagsOperator"](task_id="t", max_tags=2, prefix="a-").execute(context) == ["a-1", "a-2"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"tags": ["a"], "q": "width > 1"}, '(width > 1) and (tags.name in ("a"))'),
        ({"data_ids": [UNKNOWN]}, f'id in ("{UNKNOWN}")'),
        ({"tags": ["a"], "limit": 3}, ""),
        ({"data_ids": "ids.txt"}, ""),
    ],
)
def test_the_link_to_the_data_of_a_job_says_what_was_chosen_or_nothing(given: dict[str, Any], text: str) -> None:
    assert OPERATORS["LaunchProcessingOperator"](task_id="t", processing="x", **given).data_text == text


def test_ids_that_are_named_twice_are_one_data() -> None:
    assert given_ids([UNKNOWN, UNKNOWN], Storage()) == [UNKNOWN]


@pytest.mark.parametrize(
    "read", [lambda file: given_ids(file, Storage()), lambda file: [*given_rows(file, "k", Storage())]]
)
def test_a_line_that_is_no_json_is_named(tmp_path: Path, read: Callable[[str], Any]) -> None:
    (tmp_path / "rows.jsonl").write_text('\n{"data_id": \n')

    with pytest.raises(ConfigurationError, match=r"Line 2 of .*rows\.jsonl is no JSON"):
        read(str(tmp_path / "rows.jsonl"))


@pytest.mark.parametrize(("tags", "wanted"), [("night", ["x", "night"]), (None, ["x"]), (["a", "x"], ["x", "a"])])
def test_tags_of_an_object_are_one_name_or_many_or_none(tags: Any, wanted: list[str]) -> None:
    imports = OPERATORS["ImportCloudObjectsOperator"](task_id="t", objects={"a.jpg": {"tags": tags}}, tags="x")

    assert imports._named()["a.jpg"]["tags"] == wanted


def test_a_download_of_data_that_are_gone_says_so(
    lake: DatalakeHook, some_data: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capfd, "DownloadDataOperator", data_ids=[*some_data, UNKNOWN], directory=str(tmp_path))

    assert "1 of 4 data are not in the lake any more" in said


def test_pictures_that_fail_stop_no_other(
    lake: DatalakeHook, some_data: list[str], an_image: Callable[[str], Path], tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    pictures = {some_data[0]: str(an_image("mask.png")), some_data[1]: str(tmp_path / "missing.png")}

    said = refusal(capfd, "CreateProjectionOperator", name="mask", pictures=pictures)
    tolerated = execute("CreateProjectionOperator", name="mask", pictures=pictures, max_failed=0.5)

    assert "1 of 2 pictures were not attached" in said
    assert "missing.png" in said
    assert tolerated == {"projections": 0, "skipped": 1, "failed": 1}
    assert [len(lake.list_projections(data)) for data in some_data] == [1, 0, 0]


def test_more_objects_than_a_job_takes_start_none(lake: DatalakeHook, capfd: pytest.CaptureFixture[str]) -> None:
    said = refusal(capfd, "ImportCloudObjectsOperator", objects=[f"{number}.jpg" for number in range(501)])

    assert "One job imports at most 500 objects" in said
    assert lake.find_jobs() == [] or all((job.labels or {}).get("task_id") != "execute" for job in lake.find_jobs())


def test_a_long_list_of_objects_is_parted_without_gap_or_overlap(lake: DatalakeHook, tmp_path: Path) -> None:
    (tmp_path / "objects.txt").write_text("".join(f"{number}.jpg\n" for number in range(1001)))

    parts = execute("PlanImportOperator", objects=str(tmp_path / "objects.txt"))

    assert [(part["first"], part["count"]) for part in parts] == [(0, 500), (500, 500), (1000, 1)]
    assert [part["name"] for part in parts] == ["1 to 500", "501 to 1000", "1001 to 1001"]


def test_an_upload_of_no_source_or_of_two_is_refused(lake: DatalakeHook, capfd: pytest.CaptureFixture[str]) -> None:
    assert "Give one of filepaths, shard, manifest" in refusal(capfd, "UploadDataOperator")
    assert "this task has ['filepaths', 'manifest']" in refusal(
        capfd, "UploadDataOperator", filepaths="a", manifest="b.jsonl"
    )


@pytest.mark.parametrize("name", ["ImportBucketOperator", "ImportCloudObjectsOperator"])
def test_objects_that_were_overwritten_are_imported_as_the_operator_says(
    lake: DatalakeHook, platform: PlatformServer, an_image: Callable[[str], Path], name: str
) -> None:
    folder = platform.bucket / f"overwritten-{name}"
    folder.mkdir()
    what = {"prefixes": folder.name} if name == "ImportBucketOperator" else {"objects": [f"{folder.name}/a.png"]}
    counts = []
    for number, on_changed in enumerate(("skip", "skip", "update", "new")):
        target = folder / "a.png"
        target.write_bytes(an_image(f"{number}.png").read_bytes())
        os.utime(target, ns=(number, number))
        counts.append(lake.get_job(execute(name, **what, on_changed=on_changed)).counts or {})

    assert [[key for key in ("imported", "updated", "skipped_changed") if one[key]] for one in counts] == [
        ["imported"],
        ["skipped_changed"],
        ["updated"],
        ["imported"],
    ]
