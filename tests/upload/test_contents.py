"""Contents of files: their bytes are the same wherever they come from."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from datalake_ops.errors import ConfigurationError, InvalidFileError
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import WHOLE_BYTES, Entry, as_stream
from datalake_ops.upload.sources.streams import NamedStream


def an_entry(source: Any, **options: Any) -> Entry:
    [entry] = Entries(UploadRequest(source, UploadOptions(**options)))
    return entry


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
        Entries(UploadRequest([io.BytesIO(b"x")]))


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
