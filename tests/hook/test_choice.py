"""A choice of data that is empty finds nothing and changes nothing; one that is left out is no choice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image

from datalake_ops import DatalakeHook
from datalake_ops.errors import ArgumentError, ConfigurationError, NoDataError
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.data import MultiData

EMPTY: list[Any] = [[], (), "", " ", [""]]


@pytest.fixture(scope="module")
def lake(datalake_platform: PlatformServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatalakeHook]:
    """A lake with three data, two of them tagged; no test here changes it."""
    folder = tmp_path_factory.mktemp("choice")
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (8, 8)).save(folder / name)
    with datalake_platform.hook(datalake_id=datalake_platform.add_lake(f"choice-{uuid4().hex[:8]}")) as hook:
        hook.upload([folder / "a.png", folder / "b.png"], tags=["day", "2026"])
        hook.upload(folder / "c.png", custom_metadata={"line": 2})
        yield hook


@pytest.fixture
def unchanged(lake: DatalakeHook, datalake_platform: PlatformServer) -> Iterator[None]:
    """Asserts that nothing but reading was asked of the platform."""
    datalake_platform.clear_requests()
    yield
    assert {one["method"] for one in datalake_platform.requests()} <= {"GET", "XGET"}
    assert lake.count_data() == 3


@pytest.mark.parametrize("name", ["tags", "q", "filenames", "object_names", "ids", "custom_metadata"])
@pytest.mark.parametrize("empty", EMPTY, ids=repr)
def test_a_filter_that_is_empty_finds_nothing_and_asks_nothing(
    lake: DatalakeHook, datalake_platform: PlatformServer, name: str, empty: Any
) -> None:
    given: Any = {name: {} if name == "custom_metadata" else " " if name == "q" else empty}
    lake.test_connection()
    datalake_platform.clear_requests()

    with pytest.raises(NoDataError):
        lake.list_data(**given)

    assert not list(lake.iter_data(**given))
    assert not [one for one in datalake_platform.requests() if one["path"].endswith("/datas")]


@pytest.mark.parametrize("given", [{"tags": []}, {"tags": ""}, {"q": " "}, {"custom_metadata": {}}], ids=str)
def test_a_count_of_an_empty_choice_is_zero(lake: DatalakeHook, given: Any) -> None:
    assert lake.count_data(**given) == 0


def test_an_empty_filter_beside_others_matches_nothing(lake: DatalakeHook) -> None:
    with pytest.raises(NoDataError):
        lake.list_data(filenames=["a.png"], tags=[])


@pytest.mark.parametrize("given", [{"filename": ""}, {"object_name": " "}, {"id": ""}], ids=str)
def test_finding_by_a_blank_name_finds_nothing(lake: DatalakeHook, given: Any) -> None:
    with pytest.raises(NoDataError):
        lake.find_data(**given)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, 3),
        ({"tags": None, "q": None, "ids": None}, 3),
        ({"intersect_tags": True}, 3),
        ({"order_by": ["filename"], "offset": 1}, 2),
        ({"limit": "2"}, 2),
        ({"tags": "['day', '2026']"}, 2),
        ({"tags": '["day"]', "intersect_tags": "true"}, 2),
        ({"tags": 2026}, 2),
        ({"filenames": ("a.png", "c.png")}, 2),
        ({"filenames": iter(["a.png"]), "order_by": "filename"}, 1),
        ({"custom_metadata": '{"line": 2}'}, 1),
    ],
    ids=str,
)
def test_what_is_given_is_taken_in_every_form(lake: DatalakeHook, given: Any, found: int) -> None:
    assert len(lake.list_data(**given)) == found


def test_ids_are_taken_from_lists_in_lists_and_from_text(lake: DatalakeHook) -> None:
    ids = [str(one) for one in lake.list_data().ids]

    for form in (ids, [ids[:1], ids[1:]], json.dumps(ids), repr(lake.list_data().ids), lake.list_data()):
        assert len(lake.list_data(ids=form)) == 3  # type: ignore[arg-type]


VERBS: list[Callable[[DatalakeHook, Any, Path], Any]] = [
    lambda lake, data, _: lake.add_tags(data, "seen"),
    lambda lake, data, _: lake.remove_tags(data, "day"),
    lambda lake, data, _: lake.delete_data(data),
    lambda lake, data, _: lake.launch_processing("quality-tagging", data),
    lambda lake, data, folder: lake.download(data, folder),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_is_given_no_data_changes_nothing_and_says_so(
    lake: DatalakeHook, tmp_path: Path, verb: Callable[[DatalakeHook, Any, Path], Any]
) -> None:
    for empty in ([], (), "", " ", MultiData([]), [[]], [None], "[]"):
        with pytest.raises(NoDataError):
            verb(lake, empty, tmp_path)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_without_a_choice_asks_for_one(
    lake: DatalakeHook, tmp_path: Path, verb: Callable[[DatalakeHook, Any, Path], Any]
) -> None:
    with pytest.raises(ArgumentError, match="everything=True"):
        verb(lake, None, tmp_path)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", ['["a","b"]', "['a']", '{"a": 1}', ["a", "b"], True, 2026.5, None, "", "  "], ids=repr)
@pytest.mark.parametrize("verb", ["create", "get", "get_or_create"])
@pytest.mark.parametrize("kind", ["data_tag", "data_source"])
def test_a_name_is_one_text_and_not_blank(lake: DatalakeHook, verb: str, kind: str, name: Any) -> None:
    with pytest.raises(ArgumentError, match="name cannot be"):
        getattr(lake, f"{verb}_{kind}")(name)


ON_ALL: list[Callable[[DatalakeHook, Any, Path], Any]] = [
    lambda lake, flag, _: lake.add_tags(None, "seen", everything=flag),
    lambda lake, flag, _: lake.remove_tags(None, "day", everything=flag),
    lambda lake, flag, _: lake.delete_data(everything=flag),
    lambda lake, flag, _: lake.launch_processing("quality-tagging", None, everything=flag),
    lambda lake, flag, folder: lake.download(None, folder, everything=flag),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("verb", ON_ALL)
def test_everything_is_all_data_only_where_it_is_true(
    lake: DatalakeHook, tmp_path: Path, verb: Callable[[DatalakeHook, Any, Path], Any]
) -> None:
    for no in (False, None, "false", "False", "no", "off", "0", 0):
        with pytest.raises(ArgumentError, match="needs a choice"):
            verb(lake, no, tmp_path)
    for neither in ("", " ", "{{ params.all }}", "None", "all", [True], 2):
        with pytest.raises(ArgumentError, match="everything cannot be"):
            verb(lake, neither, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("neither", ["", "{{ params.all }}", [True], 2], ids=repr)
@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("merge", lambda lake, flag: lake.update_multiple_data({str(uuid4()): {}}, merge=flag)),
        ("use_id", lambda lake, flag: lake.download(lake.list_data(), "nowhere", use_id=flag)),
        ("force_replace", lambda lake, flag: lake.download(lake.list_data(), "nowhere", force_replace=flag)),
        ("wait", lambda lake, flag: lake.upload("a.png", wait=flag)),
        ("wait_for_unprocessable_data", lambda lake, flag: lake.upload_data("a.png", wait_for_unprocessable_data=flag)),
        ("fill_metadata", lambda lake, flag: lake.upload("a.png", fill_metadata=flag)),
        ("fill_metadata", lambda lake, flag: lake.upload_data("a.png", fill_metadata=flag)),
        ("fill_metadata", lambda lake, flag: lake.create_projection(uuid4(), "mask", "a.png", fill_metadata=flag)),
        ("fill_metadata", lambda lake, flag: lake.create_projections([(uuid4(), "a")], "mask", fill_metadata=flag)),
        ("fill_metadata", lambda lake, flag: lake.import_bucket_objects(["a"], fill_metadata=flag)),
        ("raise_on_failure", lambda lake, flag: lake.wait_for_job(uuid4(), raise_on_failure=flag)),
        ("intersect_tags", lambda lake, flag: lake.count_data(tags="day", intersect_tags=flag)),
    ],
)
def test_a_flag_that_is_neither_true_nor_false_is_refused(
    lake: DatalakeHook, field: str, call: Callable[[DatalakeHook, Any], Any], neither: Any
) -> None:
    with pytest.raises(ArgumentError, match=f"{field} cannot be"):
        call(lake, neither)


def test_a_flag_in_text_form_is_what_it_says(datalake_platform: PlatformServer, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with datalake_platform.hook(datalake_id=datalake_platform.add_lake(f"flags-{uuid4().hex[:8]}")) as hook:
        report = hook.upload(tmp_path, custom_metadata={"kept": 1}, wait="false", fill_metadata="FULL")  # type: ignore[arg-type]
        [data] = hook.list_data()

        hook.update_multiple_data({data.id: {"custom_metadata": {"new": 2}}}, merge="true")  # type: ignore[arg-type]
        merged = hook.get_data(data.id).custom_metadata
        hook.update_multiple_data({data.id: {"custom_metadata": {"new": 3}}}, merge="false")  # type: ignore[arg-type]
        alone = hook.get_data(data.id).custom_metadata
        [path] = hook.download(None, tmp_path / "out", "no", everything="true")  # type: ignore[arg-type]

    assert report.retry_plan is not None
    assert (report.retry_plan.arguments["wait"], report.retry_plan.arguments["fill_metadata"]) == (False, "full")
    assert merged == {"kept": 1, "new": 2}
    assert alone == {"new": 3}
    assert path.name == "a.png"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "call",
    [
        lambda lake: lake.upload([]),
        lambda lake: lake.upload_data(""),
        lambda lake: lake.create_projections([], "mask"),
        lambda lake: lake.update_multiple_data({}),
        lambda lake: lake.import_bucket_objects([]),
        lambda lake: lake.import_bucket_objects(""),
        lambda lake: lake.import_bucket_objects([" "]),
        lambda lake: lake.import_bucket_objects(["", ""]),
        lambda lake: lake.import_bucket_objects([None]),
        lambda lake: lake.import_cloud_objects([]),
        lambda lake: lake.import_cloud_objects({}),
        lambda lake: lake.add_tags(lake.list_data(), []),
        lambda lake: lake.remove_tags(lake.list_data(), ""),
    ],
)
def test_nothing_to_do_raises_the_same_everywhere(lake: DatalakeHook, call: Callable[[DatalakeHook], Any]) -> None:
    with pytest.raises(NoDataError):
        call(lake)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "call",
    [
        lambda lake: lake.upload(None),
        lambda lake: lake.create_projections([("a", "b")], "mask", if_exists="error"),
        lambda lake: lake.list_data(limit="ten"),
        lambda lake: lake.list_data(limit=0),
        lambda lake: lake.list_data(offset=-1),
        lambda lake: lake.list_data(tags=["a", ""]),
        lambda lake: lake.list_data(tags=[2026.5]),
        lambda lake: lake.list_data(custom_metadata="line"),
        lambda lake: lake.list_data(ids=["a.png"]),
        lambda lake: lake.add_tags("one id", "x"),
        lambda lake: lake.add_tags(lake.list_data(), [True]),
        lambda lake: lake.add_tags(lake.list_data(), None),
        lambda lake: lake.delete_data(lake.list_data(), everything=True),
        lambda lake: lake.launch_processing("quality-tagging", lake.list_data(), parameters="sharp"),
        lambda lake: lake.launch_processing(2.5, lake.list_data()),
        lambda lake: lake.import_cloud_objects(None),
        lambda lake: lake.import_cloud_objects({"a.jpg": {"colour": "red"}}),
        lambda lake: lake.import_cloud_objects({"a.jpg": {"metadata": 7}}),
        lambda lake: lake.import_bucket_objects(["a"], tags=["x"], source=" "),
        lambda lake: lake.import_bucket_objects(["a", ""]),
        lambda lake: lake.import_bucket_objects(["a"], source='["x", "y"]'),
        lambda lake: lake.upload("a.png", source="['x']"),
        lambda lake: lake.launch_processing('["thumbnails"]', lake.list_data()),
        lambda lake: lake.update_multiple_data({str(uuid4()): {"data_source": '["x"]'}}),
        lambda lake: lake.create_projection(uuid4(), '["mask"]', "a.png"),
        lambda lake: lake.create_projections([(uuid4(), "a.png")], ["mask"]),
        lambda lake: lake.add_tags(lake.list_data(), [{"name": "x"}]),
        lambda lake: lake.add_tags(lake.list_data(), '[{"name": "x"}]'),
        lambda lake: lake.add_tags(lake.list_data(), [[["x"]]]),
        lambda lake: lake.import_bucket_objects('["", "a"]'),
        lambda lake: lake.import_bucket_objects(["a", " "]),
        lambda lake: lake.update_multiple_data({"a.png": {}}),
        lambda lake: lake.wait_for_job(None),
        lambda lake: lake.wait_for_job(uuid4(), timeout="soon"),
        lambda lake: lake.wait_for_job(uuid4(), poll_interval=0),
        lambda lake: lake.wait_for_job(uuid4(), max_failed_polls="many"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_changed(
    lake: DatalakeHook, call: Callable[[DatalakeHook], Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"\S+ (cannot be|takes|needs)"):
        call(lake)


def test_everything_is_the_whole_lake_and_has_to_be_said(datalake_platform: PlatformServer, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    with datalake_platform.hook(datalake_id=datalake_platform.add_lake(f"all-{uuid4().hex[:8]}")) as hook:
        hook.upload(tmp_path)

        assert hook.add_tags(None, "all", everything=True) == 2
        assert hook.count_data(tags="all") == 2
        assert len(hook.download(None, tmp_path / "out", everything=True)) == 2
        assert hook.remove_tags(None, "all", everything=True) == 2
        assert hook.delete_data(everything=True) == 2
        with pytest.raises(NoDataError):
            hook.delete_data(everything=True)


def test_no_job_is_found_by_empty_labels(lake: DatalakeHook) -> None:
    lake.import_cloud_objects("nowhere.jpg", labels='{"test": "choice"}')  # type: ignore[arg-type]

    assert lake.find_jobs(labels={"test": "choice"})
    assert lake.find_jobs(labels={}) == []
    assert lake.find_jobs(idempotency_key="") == []


def test_a_wait_takes_seconds_as_text_and_as_a_timedelta(lake: DatalakeHook) -> None:
    [job] = lake.import_cloud_objects(["nowhere.jpg"])

    ended = lake.wait_for_job(
        job, timeout=timedelta(minutes=2), poll_interval="0.2", raise_on_failure=False, max_failed_polls="3"
    )

    assert ended.status.is_terminal


HALF = "\ud800"


@pytest.mark.parametrize(
    "call",
    [
        lambda lake: lake.list_data(tags=HALF),
        lambda lake: lake.list_data(q=f"filename = '{HALF}'"),
        lambda lake: lake.list_data(filenames=[HALF]),
        lambda lake: lake.list_data(custom_metadata={"key": HALF}),
        lambda lake: lake.list_data(custom_metadata={HALF: 1}),
        lambda lake: lake.count_data(f"filename = '{HALF}'"),
        lambda lake: lake.find_data(filename=HALF),
        lambda lake: lake.get_or_create_data_tag(HALF),
        lambda lake: lake.launch_processing(HALF, [UUID(int=0)]),
        lambda lake: lake.launch_processing("thumbnails", [UUID(int=0)], {"key": HALF}),
        lambda lake: lake.update_multiple_data({UUID(int=0): {"custom_metadata": {"key": HALF}}}),
        lambda lake: lake.datalake_url(HALF),
    ],
)
def test_a_text_that_no_encoding_has_a_form_for_is_refused_with_words(
    lake: DatalakeHook, call: Callable[[DatalakeHook], object]
) -> None:
    with pytest.raises(ArgumentError, match="half of a surrogate pair"):
        call(lake)
