from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalake_ops.errors import ConfigurationError, InvalidFileError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry
from datalake_ops.upload.sources.patterns import PathFilter
from datalake_ops.upload.sources.streams import NamedStream
from tests.upload.pictures import a_picture


def below(root: str, source: Any, **options: Any) -> list[str]:
    return [entry.path.removeprefix(f"{root}/") for entry in Entries(UploadRequest(source, UploadOptions(**options)))]


def an_entry(source: Any, **options: Any) -> Entry:
    [entry] = Entries(UploadRequest(source, UploadOptions(**options)))
    return entry


def test_a_folder_is_its_images_and_videos_in_one_order(tree: Path) -> None:
    assert below(str(tree), tree) == ["a.png", "b/c.jpg", "b/d/e.jpg", "thumbs/t.png", "z.mp4"]
    assert below(str(tree), [tree, tree / "notes.txt"])[-1] == "notes.txt"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["a.png"]),
        ("**/*.jpg", ["b/c.jpg", "b/d/e.jpg"]),
        ("*/*.jpg", ["b/c.jpg"]),
        ("[ab]*", ["a.png"]),
        ("b/**", ["b/c.jpg", "b/d/e.jpg"]),
        ("?.mp4", ["z.mp4"]),
    ],
)
def test_a_pattern_means_the_same_here_and_behind_an_address(
    tree: Path, memory: str, pattern: str, expected: list[str]
) -> None:
    assert below(str(tree), f"{tree}/{pattern}") == expected
    assert below(memory, f"{memory}/{pattern}") == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"exclude": ("thumbs", "*.mp4")}, ["a.png", "b/c.jpg", "b/d/e.jpg"]),
        ({"exclude": ("b/d/**",)}, ["a.png", "b/c.jpg", "thumbs/t.png", "z.mp4"]),
        ({"include": ("*.txt", "/b/*")}, ["b/c.jpg", "notes.txt"]),
        ({"include": ("*.png",), "exclude": ("/a.png",)}, ["thumbs/t.png"]),
    ],
)
def test_include_and_exclude_choose(
    tree: Path, memory: str, choice: dict[str, tuple[str, ...]], expected: list[str]
) -> None:
    assert below(str(tree), tree, **choice) == expected
    assert below(memory, memory, **choice) == expected


def test_relative_patterns_stay_relative(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)

    assert [entry.path for entry in Entries(UploadRequest("b/**/*.jpg"))] == ["b/c.jpg", "b/d/e.jpg"]
    assert [entry.path for entry in Entries(UploadRequest("*.png"))] == ["a.png"]


def test_what_looks_like_a_pattern_but_is_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1]*.png").write_bytes(b"abc")

    assert an_entry(tmp_path / "a[1]*.png").content.open().size == 3


def test_links_into_the_folder_they_lie_in_end(tree: Path) -> None:
    (tree / "b" / "up").symlink_to(tree)
    (tree / "side").symlink_to(tree / "b" / "d")

    assert "side/e.jpg" in below(str(tree), tree)
    assert len(below(str(tree), tree)) == 6


def test_a_place_without_files_is_a_row_that_says_so(tmp_path: Path) -> None:
    for source in (tmp_path, f"{tmp_path}/*.png"):
        with pytest.raises(InvalidFileError, match="holds no image or video") as caught:
            an_entry(source).content.open()

        assert caught.value.path == str(source)


def test_a_folder_that_cannot_be_listed_is_a_row_beside_the_others(half_closed: Path) -> None:
    found = list(Entries(UploadRequest(half_closed)))

    [broken] = [entry for entry in found if entry.path == str(half_closed / "closed")]
    with pytest.raises(InvalidFileError, match="cannot be listed"):
        broken.content.open()
    assert len(found) == 2


def test_a_link_that_cannot_be_followed_costs_only_its_row(half_closed: Path) -> None:
    caller = os.geteuid()
    os.seteuid(os.getuid())
    (half_closed / "circle.png").symlink_to("circle.png")
    (half_closed / "hidden").symlink_to("closed/hidden")
    os.seteuid(caller)

    found = {Path(entry.path).name: entry for entry in Entries(UploadRequest(half_closed))}

    assert sorted(found) == ["a.png", "circle.png", "closed", "hidden"]
    assert found["a.png"].content.open().content == b"a"
    with pytest.raises(InvalidFileError, match="symbolic links"):
        found["circle.png"].content.open()
    with pytest.raises(InvalidFileError, match="cannot be followed"):
        found["hidden"].content.open()


def test_the_listing_of_a_folder_of_very_many_files_is_little_more_than_their_names(tmp_path: Path) -> None:
    import tracemalloc

    for number in range(20_000):
        (tmp_path / f"{number:06}.png").touch()
    found = iter(Entries(UploadRequest(tmp_path)))
    tracemalloc.start()

    first = next(found)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert first.path.endswith("000000.png")
    assert held < 20_000 * 120


def test_entries_come_one_at_a_time(tmp_path: Path) -> None:
    asked: list[int] = []

    def endless() -> Iterator[str]:
        for number in range(10**9):
            asked.append(number)
            yield f"{number}.png"

    found = iter(Entries(UploadRequest(endless(), UploadOptions(metadata={"a": 1}))))

    assert [next(found).path for _ in range(3)] == ["0.png", "1.png", "2.png"]
    assert len(asked) == 3


def test_what_is_said_of_a_folder_is_said_of_each_of_its_files(tree: Path) -> None:
    found = list(
        Entries(UploadRequest([tree / "b", tree / "a.png"], UploadOptions(metadata=[{"weather": "sun"}, None])))
    )

    assert [entry.metadata for entry in found] == [{"weather": "sun"}] * 2 + [None]
    with pytest.raises(ConfigurationError, match="metadata has 1 entries for 2 paths"):
        Entries(UploadRequest([tree, tree], UploadOptions(metadata=[{}])))


def test_a_list_knows_its_length_and_a_folder_learns_it(tree: Path) -> None:
    assert Entries(UploadRequest([tree / "a.png", tree / "missing"])).total == 2

    found = Entries(UploadRequest(tree))
    assert found.total is None
    list(found)
    assert found.total == 5


def test_an_address_that_nothing_here_can_read_is_refused_before_anything_is_sent() -> None:

    with pytest.raises(ConfigurationError, match="nosuch"):
        Entries(UploadRequest(["a.png", "nosuch://bucket/a.png"]))


def test_without_fsspec_an_address_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)

    with pytest.raises(ConfigurationError, match=r"`pip install fsspec`"):
        Entries(UploadRequest(["a.png", f"new{uuid4().hex}://bucket/a.png"]))


def test_an_object_storage_path_is_known_by_its_file_system(memory: str) -> None:
    fsspec = import_module("fsspec")

    class ObjectPath:
        fs = fsspec.filesystem("memory")

        def __init__(self, path: str) -> None:
            self.path = path
            self.name = path.rpartition("/")[2]

        def open(self, mode: str) -> Any:
            return self.fs.open(self.path, mode)

        def __str__(self) -> str:
            return f"memory://conn@{self.path}"

    root = memory.removeprefix("memory:/")

    assert an_entry(ObjectPath(f"{root}/a.png")).content.open().content == b"x" * 10
    assert [entry.path.rpartition("/")[2] for entry in Entries(UploadRequest(ObjectPath(f"{root}/b")))] == [
        "c.jpg",
        "e.jpg",
    ]


def test_everything_is_uploaded_in_input_order(lake: DatalakeHook, tmp_path: Path, memory: str) -> None:
    fs = import_module("fsspec").filesystem("memory")
    root = memory.removeprefix("memory:/")
    for name in ("one.png", "two.png"):
        fs.pipe_file(f"{root}/more/{name}", a_picture(tmp_path / name).read_bytes())
    stream = io.BytesIO(a_picture(tmp_path / "s.png").read_bytes())

    report = lake.upload([f"{memory}/more", tmp_path / "one.png", NamedStream("stream.png", stream)])

    assert [row.path for row in report.files] == [
        f"{memory}/more/one.png",
        f"{memory}/more/two.png",
        str(tmp_path / "one.png"),
        "stream.png",
    ]
    assert [one.filename for one in report.data] == ["one.png", "two.png", "one.png", "stream.png"]


_PARTS = st.lists(st.sampled_from(["a", "b", "ab", "a.png", "b.jpg"]), min_size=1, max_size=4)


@settings(deadline=None)
@given(parts=_PARTS, pattern=st.lists(st.sampled_from(["a", "*", "**", "*.png", "a?", "[ab]"]), min_size=1, max_size=4))
def test_no_folder_is_left_out_that_holds_a_file_that_is_meant(parts: list[str], pattern: list[str]) -> None:
    selection = PathFilter(include=("**",), glob="/" + "/".join(pattern))

    if selection.includes("/".join(parts)):
        assert all(selection.enters("/".join(parts[:depth])) for depth in range(1, len(parts)))


def test_addresses_are_json_in_no_report(memory: str) -> None:
    assert json.dumps(below(memory, memory, storage_options={"secret": "s3cr3t"})).count("s3cr3t") == 0
