from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import requests

from datalake_ops.errors import InvalidFileError
from datalake_ops.upload.sources.entry import WHOLE_BYTES
from datalake_ops.upload.sources.file_parts import FilePart, file_parts
from datalake_ops.upload.sources.local import LocalFile, open_file
from datalake_ops.upload.transfer.body import FileBody, form_around


def a_file(path: Path, size: int) -> LocalFile:
    path.write_bytes(bytes(range(256)) * (size // 256 + 1))
    with path.open("rb+") as stream:
        stream.truncate(size)
    return open_file(str(path))


async def drained(body: FileBody) -> bytes:
    return b"".join([piece async for piece in body])


@pytest.mark.parametrize("size", [1, WHOLE_BYTES, WHOLE_BYTES + 1, 3 * WHOLE_BYTES + 7])
def test_the_parts_of_a_file_joined_are_the_file(tmp_path: Path, size: int) -> None:
    file = a_file(tmp_path / "f", size)

    bodies = [FileBody(file, part) for part in file_parts(size, 200_000)]

    assert b"".join(asyncio.run(drained(body)) for body in bodies) == (tmp_path / "f").read_bytes()
    assert sum(body.size for body in bodies) == size


def test_a_small_file_goes_as_one_piece_of_bytes(tmp_path: Path) -> None:
    body = FileBody(a_file(tmp_path / "f", 3), FilePart(1, 0, 3), b"<", b">")

    assert body.content == b"<\0\x01\x02>"
    assert body.size == 5


def test_a_body_can_be_read_twice(tmp_path: Path) -> None:
    body = FileBody(a_file(tmp_path / "f", WHOLE_BYTES + 5), FilePart(1, 0, WHOLE_BYTES + 5), b"<", b">")

    assert body.content is body
    assert asyncio.run(drained(body)) == asyncio.run(drained(body))


def test_a_file_that_vanishes_leaves_its_reason_in_the_body(tmp_path: Path) -> None:
    body = FileBody(a_file(tmp_path / "f", WHOLE_BYTES + 5), FilePart(1, 0, WHOLE_BYTES + 5))
    (tmp_path / "f").unlink()

    with pytest.raises(InvalidFileError):
        asyncio.run(drained(body))

    assert isinstance(body.broken, InvalidFileError)


@pytest.mark.parametrize("name", ["plain.jpg", "été 日本.jpg", 'quo"te\r\nX: y.jpg', "a/b c.jpg"])
def test_the_form_is_byte_for_byte_the_one_that_requests_would_send(name: str) -> None:
    fields = {"key": name, "policy": "p" * 50, "Content-Type": "wrong", "x-amz-meta-é": "ü"}
    by_requests = requests.Request(
        "POST", "http://storage", data={**fields, "Content-Type": "image/jpeg"}, files={"file": (name, b"BYTES")}
    ).prepare()
    boundary = by_requests.headers["Content-Type"].split("boundary=")[1]

    form = form_around(fields, name, "image/jpeg", boundary)

    assert form.head + b"BYTES" + form.tail == by_requests.body
    assert form.content_type == by_requests.headers["Content-Type"]
