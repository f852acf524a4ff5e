"""The official SDK and the hook upload the same files to the same witness, and their requests are compared."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.wire.uploads import PART_BYTES
from tests.upload.pictures import a_picture
from tests.upload.witness import LAKE, Request, Witness

CAMERA = {0x0112: 6, 0x010F: "Acme", 0x0131: "cam 1.0", 0x0132: "2026:05:04 03:02:01", 0x011A: 72.0, 0x0128: 2}
Row = tuple[str, str, str, str]


def digest(content: Any) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    large = tmp_path / "long.mp4"
    large.write_bytes(b"v" * (PART_BYTES + 100))
    paths = [
        a_picture(tmp_path / "car.jpg", exif=CAMERA),
        a_picture(tmp_path / "tram 'Zoë' 電車.png"),
        tmp_path / "noise.webp",
        tmp_path / "unknown.kind",
        large,
    ]
    paths[2].write_bytes(b"no webp")
    paths[3].write_bytes(b"?")
    return paths


ARGUMENTS: dict[str, Any] = {
    "tags": ["new tag", "other"],
    "source": "camera one",
    "metadata": [{"software": "mine", "weather": None}, {"altitude": 1.5}, {}, {"reference": "r"}, {"weather": "sun"}],
    "custom_metadata": [{"k": None}, {"k": [1, "é"]}, {}, {}, {"deep": {"a": 1}}],
    "sizes": [(1, 1), (2, 2), (3, 3), (4, 4), (640, 480)],
    "fill_metadata": True,
    "upload_dir": "some/dir",
}


def by_hook(witness: Witness, files: list[Path]) -> None:
    with DatalakeHook(host=witness.url, api_token="t") as hook:
        hook.upload_data(files, **ARGUMENTS)


def by_sdk(witness: Witness, files: list[Path]) -> None:
    with warnings.catch_warnings():
        # The SDK's own dependencies warn while it is imported.
        warnings.simplefilter("ignore")
        from picsellia import Client

        client = Client(api_token="t", host=witness.url)
        client.get_datalake().upload_data(filepaths=files, **ARGUMENTS)
        client.connexion.session.close()


def shape(request: Request) -> Row:
    """What a request says, without what must differ: the client's name and a form's boundary."""
    kind = request.headers.get("Content-Type", request.headers.get("Content-type", ""))
    if kind.startswith("multipart/form-data"):
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        form = message_from_bytes(head + request.body)
        body: Any = [
            (str(part["Content-Disposition"]), str(part["Content-Type"]), digest(part.get_payload(decode=True)))  # type: ignore[union-attr]
            for part in form.get_payload()  # type: ignore[union-attr]
        ]
        kind = "multipart/form-data"
    elif request.path.startswith("/part"):
        body = digest(request.body)
    else:
        body = request.json
    headers = {name: request.headers.get(name) for name in ("Authorization", "X-Picsellia-Organization")}
    return (request.method, request.path, json.dumps([request.query, kind, headers]), json.dumps(body, sort_keys=True))


def recorded(upload: Callable[[Witness, list[Path]], None], files: list[Path]) -> list[Row]:
    with Witness(multipart={"client_type": "aws", "upload_id": "u1"}) as witness:
        upload(witness, files)
        port = witness.url.rpartition(":")[2]
        return [
            tuple(text.replace(port, "PORT") for text in shape(request))  # type: ignore[misc]
            for request in witness.requests
        ]


def test_the_hook_sends_what_the_official_sdk_sends(files: list[Path]) -> None:
    ours, theirs = recorded(by_hook, files), recorded(by_sdk, files)

    assert sorted(ours) == sorted(theirs)
    assert len(ours) == 9 + 4 * 4 + 8
    assert {LAKE in path for _, path, _, _ in ours} == {True, False}


def test_each_file_s_requests_come_in_the_sdk_s_order(files: list[Path]) -> None:
    ours, theirs = recorded(by_hook, files), recorded(by_sdk, files)

    for file in files:
        assert steps(ours, file.name) == steps(theirs, file.name)


def steps(rows: list[Row], filename: str) -> list[str]:
    """The paths of the requests that speak of one file; parts go together, so their numbers are left out."""
    name = json.dumps(filename)[1:-1]
    return [re.sub(r"\d+$", "N", path) for _, path, _, body in rows if name in body or filename in body]
