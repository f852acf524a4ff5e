"""Bodies of requests: none is read before the token or the signature is known, nor beyond what its route needs."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
import requests

from datalake_ops.platform.http.id_list import IdList
from datalake_ops.testing import PlatformServer
from tests.platform.images import a_jpeg
from tests.platform.lakes import LakeApi
from tests.platform.storage import MEBI, MultipartUpload, stored_files

ID = "00000000-0000-4000-8000-000000000000"
WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")


class HalfRequest:
    """A connection on which a request is sent as far as a test wishes."""

    def __init__(self, server: PlatformServer, head: str) -> None:
        address = urlsplit(server.url)
        self.socket = socket.create_connection((str(address.hostname), address.port or 80), timeout=120)
        self.socket.sendall(head.encode())

    def __enter__(self) -> HalfRequest:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def status(self) -> int:
        """The status of the answer."""
        return int(self.until(b"\r\n").split()[1])

    def message(self) -> str:
        """The message of a refusal, whose status was read."""
        self.until(b"\r\n\r\n")
        return str(json.loads(self.until(b"}"))["message"])

    def until(self, end: bytes) -> bytes:
        """What is received up to some bytes, or to the end of the connection."""
        received = b""
        while not received.endswith(end):
            byte = self.socket.recv(1)
            if not byte:
                break
            received += byte
        return received


def head(method: str, path: str, length: int | None, token: str | None = None) -> str:
    lines = [f"{method} {path} HTTP/1.1", "Host: platform", "Content-Type: application/json"]
    lines += ["Transfer-Encoding: chunked"] if length is None else [f"Content-Length: {length}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""])


def operations(server: PlatformServer) -> list[tuple[str, str]]:
    paths = requests.get(f"{server.url}/openapi.json", timeout=60).json()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    return [*((method, path) for method, path in found if method in WITH_BODY), ("XGET", "/api/datalake/{lake}/datas")]


def filled(path: str) -> str:
    parts = [ID if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


def test_every_route_refuses_a_missing_token_before_the_body_arrives(datalake_platform: PlatformServer) -> None:
    statuses = {}
    for method, path in operations(datalake_platform):
        for length in (1000, 10**12, None):
            with HalfRequest(datalake_platform, head(method, filled(path), length)) as request:
                statuses[method, path, length] = request.status()

    assert len(statuses) > 90
    assert {key: status for key, status in statuses.items() if status != 401} == {}


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "{lake}/tags", 64 * 1024),
        ("POST", "{lake}/datas", MEBI),
        ("PATCH", "{lake}/data/bulk", 16 * MEBI),
        ("XGET", "{lake}/datas", 16 * MEBI),
        ("DELETE", "{lake}/datas", 64 * MEBI),
        ("POST", "{lake}/processing/launch", 64 * MEBI),
    ],
)
def test_a_body_that_announces_too_much_is_refused_before_it_arrives(
    datalake_platform: PlatformServer, lake: LakeApi, method: str, path: str, limit: int
) -> None:
    sent = head(method, path.format(lake=lake.path), limit + 1, lake.token)

    with HalfRequest(datalake_platform, sent) as request:
        assert request.status() == 413
        assert str(limit) in request.message()


def test_a_body_that_grows_too_large_is_refused(lake: LakeApi) -> None:
    answer = lake.raw("POST", f"{lake.path}/tags", iter([b" " * 40_000] * 2))  # type: ignore[arg-type]

    assert answer.status_code == 413


def test_a_body_of_exactly_the_limit_is_read(lake: LakeApi) -> None:
    body = json.dumps({"name": "a tag"}).encode().ljust(64 * 1024)

    assert lake.raw("POST", f"{lake.path}/tags", body).status_code == 201
    assert lake.raw("POST", f"{lake.path}/tags", body + b" ").status_code == 413


def test_the_connection_goes_on_after_a_refused_body(lake: LakeApi) -> None:
    large = b" " * MEBI

    assert [lake.raw("POST", f"{lake.path}/tags", large).status_code for _ in range(3)] == [413, 413, 413]
    assert lake.call("GET", f"{lake.path}/tags").status_code == 200


def test_large_bodies_are_read_as_small_ones_are(lake: LakeApi) -> None:
    tag, data = lake.a_tag("large"), [lake.a_data()["id"] for _ in range(2)]
    ids = [str(uuid4()) for _ in range(120_000)]
    body = json.dumps([data[0], *ids, data[1], data[0]])
    assert len(body) > 4 * MEBI

    attached = lake.raw("POST", f"/api/tag/{tag}/attach", body.encode())

    assert attached.json() == {"tag": {"id": tag, "name": "large", "target_type": "DATA"}, "count": 2}


def test_what_is_wrong_with_a_large_body_is_said(lake: LakeApi) -> None:
    ids = [str(uuid4()) for _ in range(110_000)]

    answer = lake.raw("DELETE", f"{lake.path}/datas", json.dumps({"ids": [*ids, "no id"]}).encode())

    assert answer.status_code == 400
    assert "ids.110000" in answer.json()["detail"][0]


def test_many_problems_of_a_body_are_cut_short(lake: LakeApi) -> None:
    prefixes = [1] * 5000

    answer = lake.call("POST", f"{lake.path}/objects", {"prefixes": prefixes})

    assert answer.status_code == 400
    assert len(answer.json()["detail"]) == 101
    assert answer.json()["detail"][-1] == "... and 4900 more"


def test_ids_are_kept_once_each_in_their_order() -> None:
    first, second = uuid4(), UUID(int=0)

    ids = IdList([first, second, first])

    assert list(ids) == [first, second] == ids[0:5]
    assert (len(ids), ids[-1], json.loads(ids.to_json())) == (2, second, [str(first), str(second)])
    assert ids.sorted_bytes() == sorted([first.bytes, second.bytes])


def test_a_part_without_a_valid_signature_is_refused_before_it_arrives(
    datalake_platform: PlatformServer, lake: LakeApi
) -> None:
    before = stored_files(datalake_platform)
    url = MultipartUpload(lake).part_address(1).removeprefix(datalake_platform.url)

    for target, length, status in [
        ("/storage/part", 10**9, 403),
        (url.replace("part=1&", "part=2&"), 1000, 403),
        (url, 26 * MEBI, 413),
    ]:
        with HalfRequest(datalake_platform, head("PUT", target, length)) as request:
            assert request.status() == status

    assert {path for path in stored_files(datalake_platform) - before if path.name != "upload.json"} == set()


def test_a_form_that_announces_more_than_any_is_signed_for_is_refused(datalake_platform: PlatformServer) -> None:
    sent = head("POST", "/storage/upload", 27 * MEBI).replace("application/json", "multipart/form-data; boundary=x")

    with HalfRequest(datalake_platform, sent) as request:
        assert request.status() == 413


@pytest.mark.parametrize("fields", [40, 2000])
def test_empty_fields_of_a_form_are_counted(lake: LakeApi, fields: int) -> None:
    form = lake.form(lake.object_name())
    many = {f"x{number}": "" for number in range(fields)}

    answer = lake.send_form({**form, "fields": {**many, **form["fields"]}}, a_jpeg())

    assert answer.status_code == 400
    assert "32 fields" in answer.json()["message"]


def test_what_follows_the_file_of_a_form_is_counted(lake: LakeApi) -> None:
    form = lake.form(lake.object_name())
    whole = requests.Request(
        "POST", form["url"], data={**form["fields"], "Content-Type": "image/jpeg"}, files={"file": ("x", a_jpeg())}
    ).prepare()
    assert isinstance(whole.body, bytes)

    answer = lake.storage(
        "POST", form["url"], data=whole.body + b" " * 200_000, headers={"Content-Type": whole.headers["Content-Type"]}
    )

    assert answer.status_code == 400
    assert "fields hold more than" in answer.json()["message"]


@pytest.fixture(scope="module")
def hasty() -> Iterator[PlatformServer]:
    """A platform whose requests have two seconds to arrive."""
    with PlatformServer(arguments=["--request-seconds", "2"]) as running:
        yield running


def test_a_request_that_does_not_arrive_frees_its_connection(hasty: PlatformServer) -> None:
    form = "POST /storage/upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    parts = [
        "",
        "GET /health HT",
        "GET /health HTTP/1.1\r\nHost: x\r\n",
        "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /he",
        f"{form}Content-Length: 9000\r\n\r\n--x",
        "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1",
    ]
    waiting = [HalfRequest(hasty, part) for part in parts]

    for request in waiting:
        with request, suppress(ConnectionResetError):
            request.until(b"never")


def test_connections_between_two_requests_stay(hasty: PlatformServer) -> None:
    with HalfRequest(hasty, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n") as first:
        assert first.status() == 200
        first.until(b'"ok"}')
        with HalfRequest(hasty, "GET ") as other, suppress(ConnectionResetError):
            other.until(b"never")
        first.socket.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")

        assert first.status() == 200
