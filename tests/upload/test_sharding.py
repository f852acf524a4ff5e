from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalake_ops.errors import ConfigurationError, IncompleteUploadError, InvalidFileError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sharding import merge_reports, merge_summaries, plan_shards
from datalake_ops.upload.sources.manifest import Manifest
from datalake_ops.upload.sources.shard import Shard
from datalake_ops.upload.sources.streams import NamedStream
from tests.upload.pictures import a_picture

_NAME = st.text("abc.-é", min_size=1, max_size=4).filter(lambda name: name.strip(".") == name)
_TREE = st.dictionaries(
    st.lists(_NAME, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + ".png"),
    st.integers(1, 50),
    min_size=1,
    max_size=25,
)


def paths_of(source: Any) -> list[str]:
    return [entry.path for entry in Entries(UploadRequest(source))]


def sent(shards: list[Shard]) -> list[list[str]]:
    # As an orchestrator hands them on: through JSON.
    return [paths_of(json.loads(json.dumps(shard.to_json()))) for shard in shards]


@settings(deadline=None, max_examples=60)
@given(
    tree=_TREE,
    kind=st.sampled_from(["folder", "pattern", "jsonl", "csv", "paths", "mixed"]),
    max_files=st.none() | st.integers(1, 9),
    max_bytes=st.none() | st.integers(1, 120),
)
def test_every_file_is_in_exactly_one_shard_within_its_bounds(
    tmp_path_factory: pytest.TempPathFactory,
    tree: dict[str, int],
    kind: str,
    max_files: int | None,
    max_bytes: int | None,
) -> None:
    if max_files is None and max_bytes is None:
        max_files = 3
    root = tmp_path_factory.mktemp("tree")
    for name, size in tree.items():
        path = root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    source = a_source(kind, root, sorted(tree))

    shards = plan_shards(source, max_files=max_files, max_bytes=max_bytes)
    parts = sent(shards)

    assert [path for part in parts for path in part] == paths_of(source)
    for shard, part in zip(shards, parts, strict=True):
        size = sum(Path(path).stat().st_size for path in part)
        assert shard.files == len(part) <= (max_files or len(part))
        assert max_bytes is None or shard.bytes == size
        assert max_bytes is None or size <= max_bytes or len(part) == 1
        assert Shard.from_json(shard.to_json()) == shard


def a_source(kind: str, root: Path, names: list[str]) -> Any:
    if kind == "folder":
        return root / "in"
    if kind == "pattern":
        return f"{root}/in/**/*.png"
    if kind == "paths":
        return [root / "in" / name for name in names]
    manifest = root / f"m.{'csv' if kind == 'csv' else 'jsonl'}"
    if kind == "csv":
        manifest.write_text("path\n" + "".join(f'"in/{name}"\n' for name in names))
    else:
        manifest.write_text("".join(json.dumps({"path": f"in/{name}"}) + "\n" for name in names))
    given = Manifest(str(manifest))
    return [root / "in", given, root / "in" / names[0]] if kind == "mixed" else given


def a_folder(folder: Path, count: int) -> Path:
    for number in range(count):
        a_picture(folder / f"{number:02}.png")
    return folder


def test_a_shard_stays_small_however_many_files_it_has(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number:05}.png").touch()

    shards = plan_shards(tmp_path, max_files=1000)

    assert [shard.files for shard in shards] == [1000, 1000, 1000]
    assert all(len(json.dumps(shard.to_json())) < 300 for shard in shards)


def test_files_that_come_later_are_in_at_most_one_shard(tmp_path: Path) -> None:
    shards = plan_shards(a_folder(tmp_path, 6), max_files=2)
    a_picture(tmp_path / "01a.png")
    a_picture(tmp_path / "02a.png")

    parts = [path for part in sent(shards) for path in part]

    assert len(parts) == len(set(parts)) == 7
    assert str(tmp_path / "02a.png") in parts


def test_files_that_vanish_are_told(tmp_path: Path) -> None:
    first, _ = plan_shards(a_folder(tmp_path, 4), max_files=2)
    for name in ("00.png", "01.png"):
        (tmp_path / name).unlink()

    found = list(Entries(UploadRequest(first)))

    assert len(found) == first.files == 2
    for lost in found:
        with pytest.raises(InvalidFileError, match=r"2 files of .* are gone"):
            lost.content.open()


def test_include_and_exclude_travel_with_the_shard(tmp_path: Path) -> None:
    a_folder(tmp_path, 4)

    shards = plan_shards(tmp_path, max_files=10, include=["0*.png"], exclude=["03.png"])

    assert sent(shards) == [[str(tmp_path / f"0{number}.png") for number in range(3)]]


@pytest.mark.parametrize("limits", [{}, {"max_files": 0}, {"max_files": 2, "max_bytes": 0}])
def test_a_plan_needs_a_limit(tmp_path: Path, limits: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        plan_shards(tmp_path, **limits)  # type: ignore[arg-type]


def test_what_cannot_be_planned_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot travel"):
        plan_shards(NamedStream("a.png", io.BytesIO(b"x")), max_files=1)
    with pytest.raises(InvalidFileError, match="holds no image"):
        plan_shards(tmp_path, max_files=1)
    with pytest.raises(ConfigurationError, match="not parted again"):
        plan_shards(plan_shards(a_folder(tmp_path, 1), max_files=1), max_files=1)
    with pytest.raises(ConfigurationError, match="no shard"):
        Entries(UploadRequest([{"pieces": [{"what": 1}], "files": 1}]))


def test_shards_uploaded_apart_report_as_one(lake: DatalakeHook, tmp_path: Path) -> None:
    a_folder(tmp_path, 5)
    (tmp_path / "03.png").write_bytes(b"")
    shards = plan_shards(tmp_path, max_files=2)

    reports = [lake.upload(shard.to_json()) for shard in shards]
    merged = merge_reports(reports)

    assert [Path(row.path).name for row in merged.files] == [f"0{number}.png" for number in range(5)]
    assert merged.counts() == {"UPLOADED": 4, "SKIPPED": 0, "FAILED": 1, "UNPROCESSABLE": 0, "UNSUPPORTED": 0}
    assert merged.seconds == max(report.seconds for report in reports)
    assert lake.count_data() == 4
    summaries = merge_summaries(report.summary() for report in reports)
    assert {**summaries, "bytes_per_second": 0} == {**merged.summary(), "bytes_per_second": 0}
    assert merge_summaries((report.summary() for report in reports), max_ids=1)["data_ids_left_out"] == 3


def test_a_shard_of_a_folder_that_is_gone_is_more_than_any_share(lake: DatalakeHook, tmp_path: Path) -> None:
    [shard] = plan_shards(a_folder(tmp_path / "in", 3), max_files=10)
    (tmp_path / "in").rename(tmp_path / "out")

    with pytest.raises(IncompleteUploadError, match="3 files of it were meant"):
        lake.upload([shard, *(tmp_path / "out").iterdir()], max_failed=0.9)


def test_what_a_folder_passes_over_is_told_by_one_shard(lake: DatalakeHook, tmp_path: Path) -> None:
    for name in ("a.txt", "b.png", "c/d.txt", "c/e.png", "f", "g.png", "h.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if name.endswith(".png"):
            a_picture(path, (10 + len(name), ord(name[-5])))
        else:
            path.write_text("no picture")

    shards = [shard.to_json() for shard in plan_shards(str(tmp_path), max_files=1)]
    report = merge_reports([lake.upload(shard) for shard in shards])

    told = "Passed over by the ending of their names: 2 .txt, 1 without an ending, 1 .csv."
    assert len(shards) == 3
    assert report.counts()["UPLOADED"] == 3
    assert [note for note in report.notes if "Passed over" in note] == [told]
