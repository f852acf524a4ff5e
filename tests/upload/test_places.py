from __future__ import annotations

import io
import json
import os
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalake_ops.errors import ConfigurationError, InvalidFileError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.entries import entries
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import WHOLE_BYTES, Entry, as_stream
from datalake_ops.upload.sources.patterns import PathFilter
from datalake_ops.upload.sources.streams import NamedStream
from tests.upload.pictures import a_picture

NAMES = ["a.png", "b/c.jpg", "b/d/e.jpg", "notes.txt", ".hidden/x.png", "thumbs/t.png", "z.mp4"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"x" * 10)
    return tmp_path


@pytest.fixture
def memory() -> Iterator[str]:
    fsspec = import_module("fsspec")
    root = f"/{uuid4().hex}"
    fs = fsspec.filesystem("memory")
    for name in NAMES:
        fs.pipe_file(f"{root}/{name}", b"x" * 10)
    yield f"memory:/{root}"
    fs.rm(root, recursive=True)


def below(root: str, source: Any, **options: Any) -> list[str]:
    return [entry.path.removeprefix(f"{root}/") for entry in entries(UploadRequest(source, UploadOptions(**options)))]


def an_entry(source: Any, **options: Any) -> Entry:
    [entry] = entries(UploadRequest(source, UploadOptions(**options)))
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

    assert [entry.path for entry in entries(UploadRequest("b/**/*.jpg"))] == ["b/c.jpg", "b/d/e.jpg"]
    assert [entry.path for entry in entries(UploadRequest("*.png"))] == ["a.png"]


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
    found = list(entries(UploadRequest(half_closed)))

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

    found = {Path(entry.path).name: entry for entry in entries(UploadRequest(half_closed))}

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
    found = iter(entries(UploadRequest(tmp_path)))
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

    found = iter(entries(UploadRequest(endless(), UploadOptions(metadata={"a": 1}))))

    assert [next(found).path for _ in range(3)] == ["0.png", "1.png", "2.png"]
    assert len(asked) == 3


def test_what_is_said_of_a_folder_is_said_of_each_of_its_files(tree: Path) -> None:
    found = list(
        entries(UploadRequest([tree / "b", tree / "a.png"], UploadOptions(metadata=[{"weather": "sun"}, None])))
    )

    assert [entry.metadata for entry in found] == [{"weather": "sun"}] * 2 + [None]
    with pytest.raises(ConfigurationError, match="metadata has 1 entries for 2 paths"):
        entries(UploadRequest([tree, tree], UploadOptions(metadata=[{}])))


def test_a_list_knows_its_length_and_a_folder_learns_it(tree: Path) -> None:
    assert entries(UploadRequest([tree / "a.png", tree / "missing"])).total == 2

    found = entries(UploadRequest(tree))
    assert found.total is None
    list(found)
    assert found.total == 5


@pytest.mark.parametrize("size", [1, WHOLE_BYTES, WHOLE_BYTES + 1, 5 * 1024 * 1024 + 7])
@pytest.mark.parametrize("kind", ["memory", "zip", "stream", "pipe", "openable"])
def test_bytes_are_the_same_wherever_they_come_from(tmp_path: Path, kind: str, size: int) -> None:
    content = os.urandom(size)

    file = an_entry(a_source(kind, tmp_path, content)).content.open()

    assert (file.name, file.size) == ("x.png", size)
    assert (file.content is not None) == (size <= WHOLE_BYTES)
    assert as_stream(file).read() == content
    assert file.read(size // 2, size) == content[size // 2 :]
    assert file.read(0, 1) == content[:1]


def a_source(kind: str, folder: Path, content: bytes) -> Any:
    if kind in ("memory", "zip"):
        fsspec = import_module("fsspec")
        if kind == "memory":
            root = uuid4().hex
            fsspec.filesystem("memory").pipe_file(f"/{root}/x.png", content)
            return f"memory://{root}/x.png"
        with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("in/x.png", content)
        return f"zip://in/x.png::{folder}/all.zip"
    if kind == "stream":
        return NamedStream("x.png", io.BytesIO(content))
    if kind == "pipe":
        return NamedStream("x.png", OnceOnly(content))  # type: ignore[arg-type]
    return Openable("x.png", content)


class OnceOnly(io.RawIOBase):
    """A stream that is read once, and gives little at a time, like a pipe."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._rest.read(min(size, 70_000) if size >= 0 else 70_000)


class Openable:
    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self._content = content

    def open(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._content)

    def stat(self) -> os.stat_result:
        return os.stat_result((0, 0, 0, 0, 0, 0, len(self._content), 0, 0, 0))

    def __str__(self) -> str:
        return f"far://{self.name}"


def test_a_stream_is_read_from_where_it_stands_and_left_there() -> None:
    stream = io.BytesIO(b"headbody")
    stream.seek(4)
    source = NamedStream("x.png", stream)

    assert an_entry(source).content.open().content == b"body"
    assert an_entry(source).content.open().content == b"body"
    assert stream.tell() == 4


@pytest.mark.parametrize(
    ("stream", "reason"),
    [(io.StringIO("text"), "mode 'rb'"), (io.BytesIO(b""), "is empty"), (OnceOnly(b""), "is empty")],
)
def test_a_stream_that_gives_no_bytes_says_why(stream: Any, reason: str) -> None:
    with pytest.raises(InvalidFileError, match=reason):
        an_entry(NamedStream("x.png", stream)).content.open()


def test_a_stream_without_a_name_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="NamedStream"):
        entries(UploadRequest([io.BytesIO(b"x")]))


def test_an_address_that_nothing_here_can_read_is_refused_before_anything_is_sent() -> None:

    with pytest.raises(ConfigurationError, match="nosuch"):
        entries(UploadRequest(["a.png", "nosuch://bucket/a.png"]))


def test_without_fsspec_an_address_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)

    with pytest.raises(ConfigurationError, match=r"`pip install fsspec`"):
        entries(UploadRequest(["a.png", f"new{uuid4().hex}://bucket/a.png"]))


def test_an_address_that_gives_nothing_is_a_row_that_says_so(memory: str) -> None:
    with pytest.raises(InvalidFileError, match="does not exist"):
        an_entry(f"{memory}/missing.png").content.open()


def test_a_remote_file_that_changes_is_noticed(memory: str) -> None:
    fs = import_module("fsspec").filesystem("memory")
    path = memory.removeprefix("memory:/") + "/big.png"
    fs.pipe_file(path, b"a" * 3_000_000)
    file = an_entry(f"{memory}/big.png").content.open()
    assert file.read(0, 10) == b"a" * 10

    fs.pipe_file(path, b"b" * 3_000_000)

    with pytest.raises(InvalidFileError, match="changed"):
        file.read(2_999_000, 3_000_000)


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
    assert [entry.path.rpartition("/")[2] for entry in entries(UploadRequest(ObjectPath(f"{root}/b")))] == [
        "c.jpg",
        "e.jpg",
    ]


def test_files_of_a_web_server_without_ranges_are_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "big one.png").write_bytes(content := os.urandom(WHOLE_BYTES * 3))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Quiet(*args, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        file = an_entry(f"http://127.0.0.1:{server.server_port}/big%20one.png?v=1").content.open()

        assert (file.name, file.size) == ("big one.png", len(content))
        assert file.read(5, WHOLE_BYTES * 3) == content[5:]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
