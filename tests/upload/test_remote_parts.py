"""Large files of another storage that travel in parts: read once, and never mixed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from fsspec import AbstractFileSystem

from datalake_ops.errors import InvalidFileError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.body import SLICE_BYTES
from datalake_ops.upload.bounded import for_each
from datalake_ops.upload.plan import PARTS_AT_ONCE, Part, parts
from datalake_ops.upload.remote import RemoteContent, RemotePath
from datalake_ops.upload.report import FileStatus
from datalake_ops.wire.uploads import PART_BYTES
from tests.upload.conftest import IMPATIENT
from tests.upload.witness import Answer, Request, Witness

SIZE = 2 * PART_BYTES + 12_345


class Shelf(AbstractFileSystem):
    """A storage with one large file, which counts what is fetched of it."""

    protocol = "shelf"
    size = SIZE
    changed = 1.0
    fetched = 0

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        return {"name": path, "size": type(self).size, "type": "file", "mtime": type(self).changed}

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        first, last = start or 0, type(self).size if end is None else end
        type(self).fetched += last - first
        time.sleep(0.001)
        return bytes(last - first)


@pytest.fixture
def shelf() -> type[Shelf]:
    import_module("fsspec").register_implementation("shelf", Shelf, clobber=True)
    Shelf.size, Shelf.changed, Shelf.fetched = SIZE, 1.0, 0
    return Shelf


@pytest.fixture
def witness() -> Iterator[Witness]:
    with Witness(multipart={"client_type": "aws", "upload_id": "u"}) as server:
        yield server


def test_parts_that_travel_together_fetch_each_byte_once(shelf: type[Shelf]) -> None:
    shelf.size = (PARTS_AT_ONCE + 1) * PART_BYTES
    file = RemoteContent(RemotePath(shelf(), "film.bin", "shelf://film.bin")).open()

    async def read(part: Part) -> None:
        for start in range(part.start, part.end, SLICE_BYTES):
            await asyncio.to_thread(file.read, start, min(start + SLICE_BYTES, part.end))

    asyncio.run(for_each(parts(file.size), read, PARTS_AT_ONCE))

    assert shelf.fetched == shelf.size


def test_a_file_that_changes_after_its_end_was_read_is_an_error_and_not_a_mixture(
    shelf: type[Shelf], witness: Witness
) -> None:
    busy = [Answer(503, b"")]

    def change(request: Request) -> Answer | None:
        if request.path == "/part/3":
            shelf.changed = 2.0
        return busy.pop() if request.path == "/part/1" and busy else None

    witness.script = change

    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
        [row] = hook.upload("shelf://film.bin").files

    assert row.status is FileStatus.FAILED
    assert isinstance(row.error, InvalidFileError)
    assert "changed while it was sent" in str(row.error)
    assert not witness.seen("POST", "complete_part_upload$|/datas$")
