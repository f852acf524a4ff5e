from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalake_ops.errors import ConfigurationError, IncompleteSourceError, InvalidFileError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import json_ready
from datalake_ops.upload.sources.manifest import Manifest, Span, rows
from tests.upload.pictures import a_picture

ROWS: list[dict[str, Any]] = [
    {"path": "a.png", "tags": ["night", "rain"], "source": "camera-one", "metadata": {"weather": "sun"}},
    {"path": "deep/b.png", "custom_metadata": {"run": 7}, "size": [40, 30]},
    {"path": 'odd "name", with\nline end.png'},
]


def a_manifest(folder: Path, form: str, given: list[dict[str, Any]] = ROWS) -> Path:
    path = folder / f"files.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in given))
    elif form == "csv":
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["path", "metadata", "custom_metadata", "tags", "source", "size"])
            writer.writeheader()
            for row in given:
                writer.writerow(
                    {name: cell if isinstance(cell, str) else json.dumps(cell) for name, cell in row.items()}
                )
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        as_text = [
            {**row, **{key: json.dumps(row[key]) for key in ("metadata", "custom_metadata") if key in row}}
            for row in given
        ]
        columns = ("path", "tags", "source", "metadata", "custom_metadata", "size")
        table = pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in as_text])
        pq.write_table(table, path, row_group_size=2)
    return path


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_every_form_says_the_same(tmp_path: Path, form: str) -> None:
    found = list(
        Entries(UploadRequest(Manifest(str(a_manifest(tmp_path, form))), UploadOptions(metadata={"altitude": 3})))
    )

    assert [entry.path for entry in found] == [f"{tmp_path}/{row['path']}" for row in ROWS]
    assert found[0].metadata == {"altitude": 3, "weather": "sun"}
    assert (found[0].tags, found[0].source) == (("night", "rain"), "camera-one")
    assert (found[1].custom_metadata, found[1].size) == ({"run": 7}, (40, 30))
    assert found[2].metadata == {"altitude": 3}


@pytest.mark.parametrize(
    ("form", "text", "line", "reason"),
    [
        ("jsonl", '{"path": "a.png"}\n{"path": \n{"path": "c.png"}\n', 2, "Expecting value"),
        ("jsonl", '{"path": "a.png"}\n\n{"file": "b.png"}\n{"path": "c.png"}\n', 3, "has no path"),
        ("jsonl", '{"path": "a.png"}\n{"path": "b", "path": "d"}\n{"path": "c.png"}', 2, "key 'path' twice"),
        ("jsonl", '{"path": "a.png"}\n{"path": "b", "metadata": {"a": 1, "a": 2}}\n{"path": "c.png"}', 2, "'a' twice"),
        ("jsonl", '{"path": "a.png"}\n[1]\n{"path": "c.png"}\n', 2, "no object"),
        ("jsonl", '{"path": "a.png"}\n{"path": "b", "weather": 1}\n{"path": "c.png"}', 2, "unknown columns: weather"),
        ("jsonl", '{"path": "a.png"}\n{"path": "b", "tags": [1]}\n{"path": "c.png"}', 2, "tags"),
        ("jsonl", '{"path": "a.png"}\n{"path": "b", "size": [0, 1]}\n{"path": "c.png"}', 2, "size"),
        ("csv", 'path,metadata\na.png,\n"b\n.png",{broken\nc.png,\n', 3, "metadata is no JSON"),
        ("csv", 'path,metadata\na.png,\nb,"{""a"": 1, ""a"": 2}"\nc.png,\n', 3, "key 'a' twice"),
        ("csv", "path,tags\na.png,x;y\nb.png\nc.png,\n", 3, "1 cells where the header has 2"),
    ],
)
def test_a_wrong_row_is_told_by_its_line_and_stops_no_other(
    tmp_path: Path, form: str, text: str, line: int, reason: str
) -> None:
    path = tmp_path / f"m.{form}"
    path.write_text(text)

    found = list(Entries(UploadRequest(Manifest(str(path)))))

    assert [entry.path for entry in found] == [f"{tmp_path}/a.png", f"{path}:{line}", f"{tmp_path}/c.png"]
    with pytest.raises(InvalidFileError, match=f"Line {line} of the manifest .*{reason}"):
        found[1].content.open()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("missing.jsonl", None, "cannot be read"),
        ("m.csv", "path,tags,source,tags\na,b,c,d\n", "column `tags` more than once"),
        ("m.csv", "file,tags\na,b\n", "no column `path`, but file, tags"),
        ("m.txt", "a.png", "give its form"),
    ],
)
def test_what_is_no_manifest_is_refused_before_anything_is_sent(
    tmp_path: Path, name: str, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)

    with pytest.raises(ConfigurationError, match=reason):
        Entries(UploadRequest(Manifest(str(tmp_path / name))))


# The rows of one manifest, as JSON has them and as a file with columns has them: a null for each key of another row.
SPARSE: list[dict[str, Any]] = [
    {"path": "a.png", "custom_metadata": {"run": 7, "deep": {"x": 1}}, "metadata": {"altitude": 1.5}, "tags": ["day"]},
    {"path": "b.png", "custom_metadata": {"camera": "c1", "list": [1, None]}, "source": "line"},
    {"path": "c.png", "weather": "rain"},
    {"path": "d.png"},
]
FILLED = [
    {
        "path": row["path"],
        "tags": row.get("tags"),
        "source": row.get("source", ""),
        "weather": row.get("weather"),
        "metadata": {"altitude": None, "weather": None, **row.get("metadata", {})},
        "custom_metadata": {"run": None, "camera": None, "list": None, "deep": {"x": None}}
        | row.get("custom_metadata", {}),
    }
    for row in SPARSE
]


def structs(path: Path, given: list[dict[str, Any]]) -> Path:
    """Write rows as Parquet with nested columns, as polars, pandas and DuckDB do."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(given), path)
    return path


@pytest.mark.parametrize("form", ["jsonl", "filled.jsonl", "csv", "parquet"])
def test_a_manifest_is_the_same_whatever_it_is_written_in(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        path = structs(tmp_path / "m.parquet", FILLED)
    elif form == "csv":
        path = tmp_path / "m.csv"
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(FILLED[0]))
            writer.writeheader()
            writer.writerows(
                {name: cell if isinstance(cell, str) else json.dumps(cell) for name, cell in row.items() if cell}
                for row in FILLED
            )
    else:
        path = tmp_path / "m.jsonl"
        given = SPARSE if form == "jsonl" else FILLED
        path.write_text("".join(json.dumps(row) + "\n" for row in given))

    a, b, c, d = rows(Manifest(str(path)))

    assert (a.custom_metadata, a.metadata, a.tags) == ({"run": 7, "deep": {"x": 1}}, {"altitude": 1.5}, ("day",))
    assert (b.custom_metadata, b.metadata, b.source) == ({"camera": "c1", "list": [1, None]}, None, "line")
    assert "unknown columns: weather" in str(c.error)
    assert (d.custom_metadata, d.metadata, d.source, d.error) == (None, None, None, None)


def test_values_of_parquet_are_those_that_json_would_have(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    custom = {"n": Decimal("7.00"), "share": Decimal("0.25"), "nan": float("nan"), "at": datetime(2024, 1, 2, 3, 4)}
    table = {
        "path": pa.array(["a.png"]),
        "custom_metadata": pa.array([custom]),
        "metadata": pa.array([[("altitude", 2.0)]], pa.map_(pa.string(), pa.float64())),
        "__index_level_0__": pa.array([5]),
    }
    pa.parquet.write_table(pa.table(table), tmp_path / "m.parquet")

    [entry] = Entries(UploadRequest(Manifest(str(tmp_path / "m.parquet"))))

    assert json_ready("a.png", entry.custom_metadata, "") == {"n": 7, "share": 0.25, "at": "2024-01-02T03:04:00"}
    assert entry.metadata == {"altitude": 2.0}


def test_parquet_with_a_doubled_column_or_key_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    doubled = pa.Table.from_arrays(
        [pa.array(["a.png"]), pa.array(["x"]), pa.array(["y"])], ["path", "source", "source"]
    )
    pa.parquet.write_table(doubled, tmp_path / "columns.parquet")
    maps = pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64()))
    pa.parquet.write_table(pa.table({"path": ["a.png"], "custom_metadata": maps}), tmp_path / "keys.parquet")

    with pytest.raises(ConfigurationError, match="column `source` more than once"):
        Entries(UploadRequest(Manifest(str(tmp_path / "columns.parquet"))))
    [row] = rows(Manifest(str(tmp_path / "keys.parquet")))
    assert "key 'a' twice" in str(row.error)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "m.parquet").touch()

    with pytest.raises(ConfigurationError, match=r"`pip install pyarrow`"):
        Entries(UploadRequest(Manifest(str(tmp_path / "m.parquet"))))


def test_paths_may_be_absolute_or_below_another_base(tmp_path: Path) -> None:
    path = a_manifest(tmp_path, "jsonl", [{"path": "/far/a.png"}, {"path": "b.png"}, {"path": "s3://bucket/c.png"}])

    placed = [row.path for row in rows(Manifest(str(path), base="s3://other/folder/"))]

    assert placed == ["/far/a.png", "s3://other/folder/b.png", "s3://bucket/c.png"]


def test_a_manifest_is_read_as_it_is_needed(tmp_path: Path) -> None:

    path = a_manifest(tmp_path, "jsonl", [{"path": f"{number}.png"} for number in range(50_000)])
    found = iter(Entries(UploadRequest(Manifest(str(path)))))

    assert next(found).path.endswith("/0.png")
    # What is behind is not looked at: a line that is spoilt meanwhile is what is read.
    with path.open("r+b") as stream:
        stream.seek(-5, 2)
        stream.write(b"#####")
    assert list(found)[-1].path == f"{path}:50000"


@settings(deadline=None)
@given(
    names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=20),
    form=st.sampled_from(["jsonl", "csv"]),
    data=st.data(),
)
def test_any_range_of_rows_is_read_from_its_position(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], form: str, data: st.DataObject
) -> None:
    # A CSV reader takes a carriage return for a line's end and gives no NUL back.
    paths = [f"/{name.replace(chr(13), '').replace(chr(0), '')}.png" for name in names]
    manifest = Manifest(str(a_manifest(tmp_path_factory.mktemp("m"), form, [{"path": path} for path in paths])))

    whole = list(rows(manifest))
    assert [row.path for row in whole] == paths

    if whole:
        first = data.draw(st.integers(0, len(whole) - 1))
        count = data.draw(st.integers(1, len(whole)))
        span = Span(whole[first].position, whole[first].line, count)
        assert list(rows(manifest, None, span)) == whole[first : first + count]


def test_tags_and_sources_of_single_rows_reach_the_lake(lake: DatalakeHook, tmp_path: Path) -> None:
    for row in ROWS:
        a_picture(tmp_path / row["path"])

    report = lake.upload(Manifest(str(a_manifest(tmp_path, "csv"))), tags="all", source="camera-two")

    stored = [lake.get_data(one.id) for one in report.data]
    assert [sorted(tag.name for tag in one.tags or ()) for one in stored] == [
        ["all", "night", "rain"],
        ["all"],
        ["all"],
    ]
    assert [one.data_source.name if one.data_source else None for one in stored] == [
        "camera-one",
        "camera-two",
        "camera-two",
    ]
    assert (stored[0].metadata or {})["weather"] == "sun"
    assert [one.filename for one in stored] == ["a.png", "b.png", 'odd "name", with\nline end.png']


SWALLOWED = "".join(f"{number}.png,night\n" for number in range(20_000))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('path,tags\na.png,\n"b.png,x\n' + SWALLOWED, [f"{number}.png" for number in range(20_000)]),
        ('path,tags\na.png,\n"b.png,x\nc.png,\nd.png,"[""z""]"\n', ["c.png", "d.png"]),
        ('path,tags\na.png,\n"b.png,x\nc.png,\n', ["c.png"]),
        ('path\na.png\n"b.png\nc.png', ["c.png"]),
    ],
    ids=["longer than a cell may be", "closed later", "never closed", "a single column"],
)
def test_a_stray_quote_costs_its_own_row(tmp_path: Path, text: str, names: list[str]) -> None:
    path = tmp_path / "m.csv"
    path.write_text(text)

    found = [row.path for row in rows(Manifest(str(path)))]

    assert found == [f"{tmp_path}/a.png", f"{path}:3", *(f"{tmp_path}/{name}" for name in names)]


def test_a_row_whose_address_nothing_here_can_read_stops_no_other(tmp_path: Path) -> None:
    address = "s4://bucket/b.png"
    path = a_manifest(tmp_path, "jsonl", [{"path": "a.png"}, {"path": address}, {"path": "c.png"}])

    found = list(Entries(UploadRequest(Manifest(str(path)))))

    assert [entry.path for entry in found] == [f"{tmp_path}/a.png", address, f"{tmp_path}/c.png"]
    with pytest.raises(InvalidFileError, match="s4"):
        found[1].content.open()


class _Unsteady:
    """What makes the first reads of a storage fail, with an error that is none of the operating system's."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def __call__(self) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise RuntimeError("the storage is busy")


@pytest.fixture
def unsteady() -> Callable[[int, str], str]:
    """Keeps a manifest in a storage whose first reads fail, and gives its address."""
    fsspec = import_module("fsspec")
    memory = import_module("fsspec.implementations.memory")
    fail = _Unsteady(0)

    class Unsteady(memory.MemoryFileSystem):  # type: ignore[misc, name-defined]
        protocol = "unsteady"
        store: dict[str, Any] = {}
        pseudo_dirs = [""]
        cachable = False

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(super()._strip_protocol(path.removeprefix("unsteady:/")))

        def cat_file(self, *arguments: Any, **options: Any) -> Any:
            fail()
            return super().cat_file(*arguments, **options)

        def open(self, *arguments: Any, **options: Any) -> Any:
            fail()
            return super().open(*arguments, **options)

    def kept(failures: int, text: str) -> str:
        fail.failures = 0
        Unsteady().pipe_file("/m.jsonl", text.encode())
        fail.failures = failures
        return "unsteady://m.jsonl"

    fsspec.register_implementation("unsteady", Unsteady, clobber=True)
    return kept


def test_a_remote_manifest_is_read_again_when_a_read_fails(unsteady: Callable[[int, str], str]) -> None:
    line = json.dumps({"path": "a.png", "custom_metadata": {"text": "x" * 1000}}) + "\n"
    address = unsteady(2, line * 3000)

    found = list(rows(Manifest(address)))

    assert [row.path for row in found] == ["unsteady://a.png"] * 3000


def test_a_manifest_that_cannot_be_read_on_is_one_more_row(unsteady: Callable[[int, str], str]) -> None:
    line = json.dumps({"path": "a.png", "custom_metadata": {"text": "x" * 1000}}) + "\n"
    reading = rows(Manifest(address := unsteady(0, line * 3000)))
    first = next(reading)
    unsteady(10**6, line * 3000)

    *_, last = reading

    assert first.path == "unsteady://a.png"
    assert isinstance(last.error, IncompleteSourceError)
    assert last.path.startswith(f"{address}:")
