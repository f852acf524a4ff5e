from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.config import RetryPolicy
from datalake_ops.errors import InvalidFileError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.reporting.report import FileStatus
from datalake_ops.wire.uploads import PART_BYTES
from tests.upload.pictures import a_picture
from tests.upload.witness import ORGANIZATION, Answer, Request, Witness

IMPATIENT = RetryPolicy(attempts=3, first_delay=0.01, longest_delay=0.02)
SIZE = 2 * PART_BYTES + 12_345


@pytest.fixture
def hook(witness: Witness) -> Iterator[DatalakeHook]:
    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as one:
        yield one


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.bin"
    block = hashlib.sha256(b"seed").digest() * 32_768
    with path.open("wb") as stream:
        for number in range(SIZE // len(block) + 1):
            stream.write(number.to_bytes(4, "big") + block[4:])
        stream.truncate(SIZE)
    return path


def form_parts(request: Request) -> list[tuple[dict[str, Any], bytes]]:
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + request.body)
    return [(dict(part.items()), part.get_payload(decode=True)) for part in message.get_payload()]  # type: ignore[union-attr,misc]


def times(
    count: int, method: str, path: str, answer: Callable[[Request], Answer]
) -> Callable[[Request], Answer | None]:
    left = [count]

    def script(request: Request) -> Answer | None:
        if request.method != method or not request.path.startswith(path) or left[0] == 0:
            return None
        left[0] -= 1
        return answer(request)

    return script


@pytest.mark.parametrize("client_type", ["aws", "MinIO", "google"])
def test_s3_and_google_take_a_form_with_the_file_last(
    witness: Witness, hook: DatalakeHook, tmp_path: Path, client_type: str
) -> None:
    witness.client_type = client_type
    witness.fields = {"key": "k/é", "Content-Type": "wrong", "policy": "p"}
    path = a_picture(tmp_path / "é 1.jpg")

    report = hook.upload(path)

    assert report.counts()["UPLOADED"] == 1
    [request] = witness.seen("POST", "^/storage$")
    [registration] = witness.seen("POST", "/datas$")
    parts = form_parts(request)
    name = registration.json["object_name"]
    assert [body for _, body in parts] == ["k/é".encode(), b"image/jpeg", b"p", path.read_bytes()]
    assert f'name="file"; filename="{name}"'.encode() in request.body
    assert "Content-Type" not in parts[-1][0]
    assert request.target == "/storage?signature=a%2Fb%20c~%7E"
    assert not {"Authorization", "X-Picsellia-Organization"} & set(request.headers)


def test_azure_takes_the_bytes_alone_with_the_fields_as_headers(
    witness: Witness, hook: DatalakeHook, tmp_path: Path
) -> None:
    witness.client_type = "azure"
    witness.fields = {"x-ms-version": "2024"}
    path = a_picture(tmp_path / "a.png")

    report = hook.upload(path)

    assert report.counts()["UPLOADED"] == 1
    [request] = witness.seen("PUT", "^/storage$")
    assert request.body == path.read_bytes()
    assert request.headers["x-ms-version"] == "2024"
    assert request.headers["x-ms-blob-type"] == "BlockBlob"
    assert request.headers["Content-Type"] == "image/png"
    assert "Authorization" not in request.headers


def test_an_unknown_storage_is_an_error_of_the_file(witness: Witness, hook: DatalakeHook, tmp_path: Path) -> None:
    witness.client_type = "tape"

    [row] = hook.upload(a_picture(tmp_path / "a.png")).files

    assert row.status is FileStatus.FAILED
    assert "'tape'" in str(row.error)
    assert not witness.seen("POST", "/datas$")


def test_large_files_go_to_s3_in_parts_that_cover_them(witness: Witness, hook: DatalakeHook, large_file: Path) -> None:
    witness.multipart = {"client_type": "aws", "upload_id": "u1"}

    [row] = hook.upload(large_file).files

    assert row.status is FileStatus.UPLOADED
    content = {request.path: request.body for request in witness.seen("PUT", "^/part/")}
    assert b"".join(content[f"/part/{number}"] for number in (1, 2, 3)) == large_file.read_bytes()
    assert all("Content-Type" not in request.headers for request in witness.seen("PUT", "^/part/"))
    [end] = witness.seen("POST", "complete_part_upload$")
    assert end.json["upload_id"] == "u1"
    assert end.json["parts"] == [{"ETag": f'"etag-{number}"', "PartNumber": number} for number in (1, 2, 3)]
    assert not witness.seen("POST", "generate_presigned_url$")


def test_a_part_is_repeated_alone_when_its_connection_is_cut(
    witness: Witness, hook: DatalakeHook, large_file: Path
) -> None:
    witness.multipart = {"client_type": "minio", "upload_id": "u1"}
    witness.script = times(1, "PUT", "/part/2", lambda _: Answer(cut=True))

    [row] = hook.upload(large_file).files

    assert row.status is FileStatus.UPLOADED
    assert row.attempts == 2
    assert len(witness.seen("PUT", "^/part/2")) == 2
    assert len(witness.seen("PUT", "^/part/")) == 4


def test_an_expired_part_gets_a_new_address_once(witness: Witness, hook: DatalakeHook, large_file: Path) -> None:
    witness.multipart = {"client_type": "aws", "upload_id": "u1"}
    witness.script = times(1, "PUT", "/part/1", lambda _: Answer(403, b"<Message>Request has expired</Message>"))

    [row] = hook.upload(large_file).files

    assert row.status is FileStatus.UPLOADED
    assert [one.json["part_no"] for one in witness.seen("POST", "generate_part_presigned_url$")].count(1) == 2


def test_large_files_go_to_google_in_chunks_with_their_range(
    witness: Witness, hook: DatalakeHook, large_file: Path
) -> None:
    witness.multipart = {"client_type": "google", "url": f"{witness.url}/resumable?id=1"}
    witness.script = google_session(SIZE)

    [row] = hook.upload(large_file).files

    assert row.status is FileStatus.UPLOADED
    chunks = witness.seen("PUT", "^/resumable")
    assert [chunk.headers["Content-Range"] for chunk in chunks] == [
        f"bytes 0-{PART_BYTES - 1}/{SIZE}",
        f"bytes {PART_BYTES}-{2 * PART_BYTES - 1}/{SIZE}",
        f"bytes {2 * PART_BYTES}-{SIZE - 1}/{SIZE}",
    ]
    assert b"".join(chunk.body for chunk in chunks) == large_file.read_bytes()


@pytest.mark.parametrize("status", [404, 410])
def test_a_session_that_google_let_expire_is_begun_anew_once(
    witness: Witness, hook: DatalakeHook, large_file: Path, status: int
) -> None:
    witness.multipart = {"client_type": "google", "url": f"{witness.url}/resumable"}
    session = google_session(SIZE)
    gone = [Answer(status, b"gone")]

    def expire(request: Request) -> Answer | None:
        second = request.headers.get("Content-Range", "").startswith(f"bytes {PART_BYTES}-")
        return gone.pop() if second and gone else session(request)

    witness.script = expire
    renewed = hook.upload(large_file).files[0]
    gone += [Answer(status, b"gone")] * 2
    witness.requests.clear()
    refused = hook.upload(large_file).files[0]

    assert renewed.status is FileStatus.UPLOADED
    assert refused.status is FileStatus.FAILED
    assert len(witness.seen("POST", "init_multipart_upload$")) == 2


def forgetful(stat: int | None) -> Callable[[Request], Answer | None]:
    """Parts are joined, the answer is lost, and a repeat is told that there is no such upload."""
    joined: list[Request] = []
    extensions = {"extensions": ["object-stat"]} if stat is not None else {}

    def script(request: Request) -> Answer | None:
        if request.path == "/api/home/ping":
            return Answer(
                body={"username": "w", "sdk_version": "6.37.0", "default_organization": ORGANIZATION, **extensions}
            )
        if request.path.endswith("/stat"):
            return Answer(body={"object_name": "o", "size": stat})
        if not request.path.endswith("complete_part_upload"):
            return None
        joined.append(request)
        return Answer(502, b"") if len(joined) == 1 else Answer(404, {"message": "NoSuchUpload"})

    return script


@pytest.mark.parametrize(("stat", "status"), [(None, "UPLOADED"), (SIZE, "UPLOADED"), (SIZE - 1, "FAILED")])
def test_parts_that_were_joined_though_the_answer_was_lost_are_an_object(
    witness: Witness, hook: DatalakeHook, large_file: Path, stat: int | None, status: str
) -> None:
    witness.multipart = {"client_type": "aws", "upload_id": "u1"}
    witness.script = forgetful(stat)

    [row] = hook.upload(large_file).files

    assert row.status.value == status
    assert len(witness.seen("PUT", "^/part/")) == 3


def test_parts_that_cannot_be_joined_at_the_first_try_are_an_error(
    witness: Witness, hook: DatalakeHook, large_file: Path
) -> None:
    witness.multipart = {"client_type": "aws", "upload_id": "u1"}
    witness.script = lambda request: (
        Answer(404, {"message": "NoSuchUpload"}) if request.path.endswith("complete_part_upload") else None
    )

    [row] = hook.upload(large_file).files

    assert row.status is FileStatus.FAILED
    assert not witness.seen("POST", "/datas$")


def test_what_google_did_not_keep_of_a_chunk_is_sent_again(
    witness: Witness, hook: DatalakeHook, large_file: Path
) -> None:
    kept = PART_BYTES - 262_144
    witness.multipart = {"client_type": "google", "url": f"{witness.url}/resumable"}
    session = google_session(SIZE)
    witness.script = lambda request: (
        Answer(308, b"", {"Range": f"bytes=0-{kept - 1}"})
        if request.headers.get("Content-Range", "").startswith("bytes 0-")
        else session(request)
    )

    [row] = hook.upload(large_file).files

    assert row.status is FileStatus.UPLOADED
    assert witness.seen("PUT", "^/resumable")[1].headers["Content-Range"].startswith(f"bytes {kept}-")


def test_a_storage_that_stops_taking_bytes_is_an_error_and_nothing_is_registered(
    witness: Witness, hook: DatalakeHook, large_file: Path
) -> None:
    witness.multipart = {"client_type": "google", "url": f"{witness.url}/resumable"}
    witness.script = lambda request: Answer(308, b"", {"Range": "bytes=0-99"}) if request.path == "/resumable" else None

    [row] = hook.upload(large_file).files

    assert row.status is FileStatus.FAILED
    assert f"took 100 of {SIZE} bytes" in str(row.error)
    assert not witness.seen("POST", "/datas$")


@pytest.mark.parametrize("start", [{}, {"client_type": "azure"}])
def test_a_storage_without_parts_gets_a_large_file_in_one_request(
    witness: Witness, hook: DatalakeHook, large_file: Path, start: dict[str, str]
) -> None:
    witness.multipart = start

    [row] = hook.upload(large_file).files

    assert row.status is FileStatus.UPLOADED
    [request] = witness.seen("POST", "^/storage$")
    assert large_file.read_bytes() in request.body


@pytest.mark.parametrize(
    "failure",
    [Answer(503, b""), Answer(500, b""), Answer(429, b"", {"Retry-After": "0"}), Answer(cut=True)],
    ids=["503", "500", "429", "cut"],
)
def test_a_storage_that_stumbles_is_asked_again(
    witness: Witness, hook: DatalakeHook, tmp_path: Path, failure: Answer
) -> None:
    witness.script = times(2, "POST", "/storage", lambda _: failure)
    path = a_picture(tmp_path / "a.bmp", (700, 500))

    [row] = hook.upload(path).files

    assert row.status is FileStatus.UPLOADED
    assert row.attempts == 3
    assert [form_parts(one)[-1][1] for one in witness.seen("POST", "^/storage$")] == [path.read_bytes()] * 3


def test_an_expired_address_is_renewed_once_and_a_second_refusal_is_told(
    witness: Witness, hook: DatalakeHook, tmp_path: Path
) -> None:
    path = a_picture(tmp_path / "a.jpg")
    refusal = Answer(403, b"<Error><Message>Policy expired</Message></Error>")

    witness.script = times(1, "POST", "/storage", lambda _: refusal)
    renewed = hook.upload(path).files[0]
    witness.script = times(2, "POST", "/storage", lambda _: refusal)
    refused = hook.upload(path).files[0]

    assert (renewed.status, renewed.attempts) == (FileStatus.UPLOADED, 2)
    assert refused.status is FileStatus.FAILED
    assert "Policy expired" in str(refused.error)
    assert "signature" not in str(refused.error)
    assert len(witness.seen("POST", "generate_presigned_url$")) == 4
    assert len(witness.seen("POST", "/datas$")) == 1


def test_a_redirect_is_followed_with_the_whole_body(witness: Witness, hook: DatalakeHook, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "a.bmp", (700, 500))
    witness.script = times(1, "POST", "/storage", lambda _: Answer(307, b"", {"Location": "/storage?region=2"}))

    [row] = hook.upload(path).files

    assert (row.status, row.attempts) == (FileStatus.UPLOADED, 1)
    assert [one.query for one in witness.seen("POST", "^/storage$")][1] == [("region", "2")]
    assert form_parts(witness.seen("POST", "^/storage$")[1])[-1][1] == path.read_bytes()


@pytest.mark.parametrize(("status", "expected"), [(303, FileStatus.UPLOADED), (301, FileStatus.FAILED)])
def test_only_the_redirect_after_a_taken_form_is_a_success(
    witness: Witness, hook: DatalakeHook, tmp_path: Path, status: int, expected: FileStatus
) -> None:
    witness.script = times(1, "POST", "/storage", lambda _: Answer(status, b"", {"Location": "/thanks"}))

    assert hook.upload(a_picture(tmp_path / "a.jpg")).files[0].status is expected


def test_a_file_that_changes_while_it_is_sent_is_its_own_error_at_once(
    witness: Witness, hook: DatalakeHook, tmp_path: Path
) -> None:
    path = tmp_path / "growing.bin"
    path.write_bytes(b"x" * 5_000_000)

    def grow(request: Request) -> None:
        if request.path.endswith("generate_presigned_url"):
            path.write_bytes(b"y" * 6_000_000)

    witness.script = grow

    [row] = hook.upload(path).files

    assert row.status is FileStatus.FAILED
    assert isinstance(row.error, InvalidFileError)
    assert "changed while it was sent" in str(row.error)
    assert len(witness.seen("POST", "generate_presigned_url$")) == 1
    assert not witness.seen("POST", "/datas$")


def google_session(size: int) -> Callable[[Request], Answer | None]:
    def script(request: Request) -> Answer | None:
        if request.path != "/resumable":
            return None
        end = int(request.headers["Content-Range"].split("-")[1].split("/")[0])
        return Answer(200, b"{}") if end + 1 == size else Answer(308, b"", {"Range": f"bytes=0-{end}"})

    return script
