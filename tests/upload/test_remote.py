"""Large files of another storage that travel in parts: read once, and never mixed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from fsspec import AbstractFileSystem

from datalake_ops.concurrency.for_each import for_each
from datalake_ops.errors import InvalidFileError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.dedup.hashing import Hasher
from datalake_ops.upload.reporting.report import FileStatus
from datalake_ops.upload.sources.file_parts import PARTS_AT_ONCE, FilePart, file_parts
from datalake_ops.upload.sources.remote import RemoteContent, RemotePath
from datalake_ops.upload.transfer.body import SLICE_BYTES
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
    read_by: set[str] | None = None

    @classmethod
    def seen_by_nobody(cls) -> None:
        cls.read_by = None

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        name = f"{path.rstrip('/')}/film.bin"
        return [self.info(name) if detail else name]

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        return {"name": path, "size": type(self).size, "type": "file", "mtime": type(self).changed}

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        first, last = start or 0, type(self).size if end is None else end
        type(self).fetched += last - first
        if type(self).read_by is not None:
            type(self).read_by.add(threading.current_thread().name)
        time.sleep(0.001)
        return bytes(last - first)


@pytest.fixture
def shelf() -> type[Shelf]:
    import_module("fsspec").register_implementation("shelf", Shelf, clobber=True)
    Shelf.size, Shelf.changed, Shelf.fetched = SIZE, 1.0, 0
    Shelf.seen_by_nobody()
    return Shelf


@pytest.fixture
def witness() -> Iterator[Witness]:
    with Witness(multipart={"client_type": "aws", "upload_id": "u"}) as server:
        yield server


def test_parts_that_travel_together_fetch_each_byte_once(shelf: type[Shelf]) -> None:
    shelf.size = (PARTS_AT_ONCE + 1) * PART_BYTES
    file = RemoteContent(RemotePath(shelf(), "film.bin", "shelf://film.bin")).open()

    async def read(part: FilePart) -> None:
        for start in range(part.start, part.end, SLICE_BYTES):
            await asyncio.to_thread(file.read, start, min(start + SLICE_BYTES, part.end))

    asyncio.run(for_each(file_parts(file.size), read, PARTS_AT_ONCE))

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


def test_hashing_keeps_out_of_the_threads_that_feed_the_storage(shelf: type[Shelf], witness: Witness) -> None:
    hashing: set[str] = set()
    shelf.read_by = hashing
    witness.script = lambda request: shelf.seen_by_nobody() if request.path.endswith("init_multipart_upload") else None

    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
        [row] = hook.upload("shelf://film.bin", journal="memory://hash-threads").files

    assert row.status is FileStatus.UPLOADED
    assert {name.rpartition("_")[0] for name in hashing} == {"datalake-ops-hash"}


class Endless:
    """A large file of a slow disk."""

    content = None
    size = 1 << 40

    def __init__(self) -> None:
        self.reads = 0
        self.begun = threading.Event()

    def read(self, start: int, end: int) -> bytes:
        self.reads += 1
        self.begun.set()
        time.sleep(0.02)
        return b"x"


def test_a_hash_that_is_cancelled_ends_soon_and_those_in_its_way_go_on() -> None:
    files = [Endless() for _ in range(20)]

    async def main() -> float:
        hasher = Hasher()
        tasks = [asyncio.ensure_future(hasher.sha256_of(file)) for file in files]
        await asyncio.to_thread(files[0].begun.wait, 30)
        for task in tasks:
            task.cancel()
        started_at = time.monotonic()
        await asyncio.gather(*tasks, return_exceptions=True)
        hasher.close()
        await asyncio.get_running_loop().shutdown_default_executor()
        return time.monotonic() - started_at

    assert asyncio.run(main()) < 30
    reads = sum(file.reads for file in files)
    time.sleep(0.3)
    assert sum(file.reads for file in files) <= reads + 4 * 4


@pytest.mark.parametrize("first", ["uploaded", "cut"])
def test_what_the_journal_knows_of_a_remote_file_is_not_fetched_to_be_hashed_again(
    shelf: type[Shelf], witness: Witness, first: str
) -> None:
    journal = f"memory://again-{first}"
    failing = [Answer(400, b"")] if first == "cut" else []
    made: list[Answer] = []

    def script(request: Request) -> Answer | None:
        if request.path == "/part/3" and failing:
            return failing.pop()
        if request.method == "POST" and request.path.endswith("/datas"):
            made.append(witness.usual(request))
        listed = request.method == "XGET" or request.path.endswith("/datas/list")
        return Answer(body={"items": [one.body for one in made], "count": len(made)}) if listed else None

    witness.script = script
    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
        before = hook.upload("shelf://box/*.bin", journal=journal)
        shelf.fetched = 0
        after = hook.upload("shelf://box/*.bin", journal=journal)

    assert [row.status for row in before.files] == [FileStatus.FAILED if first == "cut" else FileStatus.UPLOADED]
    assert [row.status for row in after.files] == [FileStatus.UPLOADED if first == "cut" else FileStatus.SKIPPED]
    assert shelf.fetched <= (SIZE if first == "cut" else 0)
