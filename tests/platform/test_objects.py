"""Signed uploads and downloads, probed over real HTTP."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest
import requests

from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.images import a_jpeg
from tests.platform.storage import PART, MultipartUpload, stored_files


@pytest.fixture
def server(datalake_platform: PlatformServer) -> PlatformServer:
    return datalake_platform


@pytest.fixture
def api(server: PlatformServer) -> Api:
    return Api(server)


def test_generated_names_are_new_each_time_and_keep_the_extension(api: Api) -> None:
    first, second = api.object_name("My photo.JPG"), api.object_name("My photo.JPG")

    assert first != second
    assert first.endswith(".jpg")
    UUID(first.rpartition("/")[2].removesuffix(".jpg"))


def test_upload_dir_becomes_the_prefix_of_the_name(api: Api) -> None:
    name = api.object_name("a.png", upload_dir="line-3/2024")

    assert name.startswith("line-3/2024/")
    assert name.endswith(".png")


@pytest.mark.parametrize("upload_dir", ["../secret", "a/../../b", "a//b", "nul\0"])
def test_an_upload_dir_that_leaves_the_storage_is_refused(api: Api, upload_dir: str) -> None:
    path = f"/api/organization/{api.organization}/connector/{api.connector}/generate_object_name"

    answer = api.call("POST", path, {"filename": "a.jpg", "type": "DATA", "upload_dir": upload_dir})

    assert answer.status_code == 400
    assert "upload_dir" in answer.json()["message"]


def test_what_was_uploaded_by_form_is_downloaded_the_same(api: Api) -> None:
    content = a_jpeg()

    name = api.upload(content)

    answer = api.storage("GET", api.address(name))
    assert answer.content == content
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert api.stat(name).json() == {"object_name": name, "size": len(content), "content_type": "image/jpeg"}


def test_a_form_of_exactly_the_limit_passes(api: Api) -> None:
    name = api.upload(b"\xff\xd8\xff" + bytes(PART - 3))

    assert api.stat(name).json()["size"] == PART


def test_a_form_above_the_limit_is_refused_and_leaves_nothing(api: Api, server: PlatformServer) -> None:
    name = api.object_name()
    before = stored_files(server)

    answer = api.send_form(api.form(name), bytes(PART + 1))

    assert answer.status_code == 413
    assert "message" in answer.json()
    assert stored_files(server) == before
    assert api.stat(name).status_code == 404


@pytest.mark.parametrize("field", ["key", "policy", "signature"])
def test_a_changed_field_of_the_form_is_refused(api: Api, server: PlatformServer, field: str) -> None:
    form = api.form(api.object_name())
    before = stored_files(server)

    answer = api.send_form(form, a_jpeg(), **{field: form["fields"][field][::-1]})

    assert answer.status_code == 403
    assert stored_files(server) == before


def test_a_form_rewritten_for_more_bytes_is_refused(api: Api) -> None:
    form = api.form(api.object_name())
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    greedy = base64.b64encode(json.dumps({**policy, "max_bytes": str(2 * PART)}).encode()).decode()

    assert api.send_form(form, a_jpeg(), policy=greedy).status_code == 403


def test_another_content_type_than_the_signed_one_is_refused(api: Api) -> None:
    name = api.object_name()

    answer = api.send_form(api.form(name, "image/jpeg"), a_jpeg(), "image/png")

    assert answer.status_code == 403
    assert "image/png" in answer.json()["message"]
    assert api.stat(name).status_code == 404


def test_a_form_for_one_object_does_not_write_another(api: Api) -> None:
    mine, other = api.object_name(), api.object_name()

    assert api.send_form(api.form(mine), a_jpeg(), key=other).status_code == 403
    assert api.stat(other).status_code == 404


def test_a_form_that_ends_early_leaves_nothing(api: Api, server: PlatformServer) -> None:
    name = api.object_name()
    form = api.form(name)
    before = stored_files(server)
    request = requests.Request(
        "POST", form["url"], data={**form["fields"], "Content-Type": "image/jpeg"}, files={"file": (name, a_jpeg())}
    ).prepare()
    whole = request.body
    assert isinstance(whole, bytes)

    answer = api.storage(
        "POST", form["url"], data=whole[:-2000], headers={"Content-Type": request.headers["Content-Type"]}
    )

    assert answer.status_code == 400
    assert stored_files(server) == before


@pytest.mark.parametrize("body", [b"", b"hello", b"--x\r\n\r\n--x--"])
def test_a_body_that_is_no_form_is_refused(api: Api, body: bytes) -> None:
    url = api.form(api.object_name())["url"]

    answer = api.storage("POST", url, data=body, headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert answer.status_code in (400, 403)
    assert "message" in answer.json()


def test_a_name_that_leaves_the_storage_is_refused(api: Api) -> None:
    for name in ("../x.jpg", "/etc/passwd", "a/../../x", "a\0b", "", "x" * 2000):
        path = f"/api/object-storage/{api.connector}/generate_presigned_url"
        answer = api.call("POST", path, {"object_name": name, "content_type": "image/jpeg"})
        assert answer.status_code == 400, name


def test_an_upload_does_not_replace_what_is_data_already(api: Api) -> None:
    content = a_jpeg(seed=1)
    name = api.upload(content)
    late = api.form(name)
    body = {"type": "IMAGE", "filename": "a.jpg", "object_name": name, "content_type": "image/jpeg", "tags": []}
    api.json("POST", f"/api/datalake/{api.lake['id']}/datas", body)

    sent = api.send_form(late, a_jpeg(seed=2))
    path = f"/api/object-storage/{api.connector}/generate_presigned_url"
    signed = api.call("POST", path, {"object_name": name, "content_type": "image/jpeg"})

    assert sent.status_code == 409
    assert signed.status_code == 409
    assert api.storage("GET", api.address(name)).content == content


def test_an_upload_may_be_repeated_while_it_is_no_data_yet(api: Api) -> None:
    name = api.object_name()
    form = api.form(name)

    assert api.send_form(form, a_jpeg(seed=1)).status_code == 204
    assert api.send_form(form, a_jpeg(seed=2)).status_code == 204

    assert api.storage("GET", api.address(name)).content == a_jpeg(seed=2)


def test_another_organization_reaches_neither_connector_nor_object(server: PlatformServer, api: Api) -> None:
    name = api.upload(a_jpeg())
    stranger = Api(server, server.add_organization("strangers")["token"])

    their_connector = stranger.call("POST", f"/api/object-storage/{api.connector}/stat", {"object_name": name})

    assert their_connector.status_code == 404
    assert stranger.stat(name).status_code == 404


class TestDownload:
    def test_head_tells_the_length_without_the_bytes(self, api: Api) -> None:
        content = a_jpeg()

        answer = api.storage("HEAD", api.address(api.upload(content)))

        assert answer.status_code == 200
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.content == b""

    @pytest.mark.parametrize(
        ("asked", "start", "stop"),
        [("bytes=0-9", 0, 10), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=5-999999999", 5, None)],
    )
    def test_a_range_gives_just_those_bytes(self, api: Api, asked: str, start: int, stop: int | None) -> None:
        content = a_jpeg()

        answer = api.storage("GET", api.address(api.upload(content)), headers={"Range": asked})

        assert answer.status_code == 206
        assert answer.content == content[start:stop]
        assert answer.headers["Content-Range"].endswith(f"/{len(content)}")
        assert answer.headers["Content-Length"] == str(len(answer.content))

    def test_a_range_behind_the_end_is_416(self, api: Api) -> None:
        answer = api.storage("GET", api.address(api.upload(b"\xff\xd8\xff12")), headers={"Range": "bytes=10-"})

        assert answer.status_code == 416
        assert answer.headers["Content-Range"] == "bytes */5"

    @pytest.mark.parametrize("asked", ["bytes=9-3", "bytes=a-b", "items=0-5", "bytes=0-1,4-5"])
    def test_a_range_that_makes_no_sense_gives_the_whole(self, api: Api, asked: str) -> None:
        answer = api.storage("GET", api.address(api.upload(b"\xff\xd8\xff12")), headers={"Range": asked})

        assert answer.status_code == 200
        assert answer.content == b"\xff\xd8\xff12"

    @pytest.mark.parametrize("field", ["key", "connector", "expires", "signature"])
    def test_a_changed_address_is_refused(self, api: Api, field: str) -> None:
        parts = urlsplit(api.address(api.upload(a_jpeg())))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        changed = query[field][:-1] + ("1" if query[field][-1] != "1" else "2")

        url = parts._replace(query=urlencode({**query, field: changed})).geturl()

        assert api.storage("GET", url).status_code == 403

    def test_an_address_to_read_does_not_write(self, api: Api) -> None:
        url = api.address(api.upload(a_jpeg()))

        assert api.storage("PUT", url.replace("/storage/object", "/storage/part"), data=b"x").status_code == 403
        assert api.storage("PUT", url, data=b"x").status_code == 405

    def test_html_is_never_served_as_a_page(self, api: Api) -> None:
        name = api.upload(b"<html><script>alert(1)</script></html>", "x.html", "text/html")

        answer = api.storage("GET", api.address(name))

        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Security-Policy"] == "sandbox"

    def test_an_unknown_object_has_no_address(self, api: Api) -> None:
        path = f"/api/object-storage/{api.connector}/retrieve_presigned_url"

        assert api.call("POST", path, {"object_name": "data/none.jpg"}).status_code == 404

    def test_the_address_names_the_host_that_was_asked(self, api: Api, server: PlatformServer) -> None:
        name = api.upload(a_jpeg())
        path = f"/api/object-storage/{api.connector}/retrieve_presigned_url"

        answer = api.call("POST", path, {"object_name": name}, {"Host": "lake.example:8080"})

        assert answer.json()["presigned_url"].startswith("http://lake.example:8080/storage/")


def test_every_address_ends_with_its_time(tmp_path: Path) -> None:
    with PlatformServer(home=tmp_path, arguments=["--link-seconds", "1"]) as server:
        api = Api(server)
        # In the bucket: an upload might take longer than its own link lives.
        (server.bucket / "a.jpg").write_bytes(a_jpeg())
        address, form, part = api.address("a.jpg"), api.form(api.object_name()), MultipartUpload(api).part_address(1)
        time.sleep(2.1)  # Expiry is the passing of time itself; there is nothing to poll.

        answers = [api.storage("GET", address), api.send_form(form, a_jpeg()), api.storage("PUT", part, data=b"x")]

        assert [answer.status_code for answer in answers] == [403, 403, 403]
        assert all("expired" in answer.json()["message"] for answer in answers)


def test_objects_for_many_files_are_named_and_signed_in_one_request(api: Api) -> None:
    path = f"/api/organization/{api.organization}/connector/{api.connector}/presign_uploads"
    files = [{"filename": f"{number}.png", "content_type": "image/png"} for number in range(100)]

    answer = api.json("POST", path, {"files": files, "upload_dir": "some/dir"})

    names = [one["object_name"] for one in answer["objects"]]
    assert len(set(names)) == 100
    assert all(name.endswith(".png") and "some/dir" in name for name in names)
    assert answer["expires_in"] == 3600
    for refused in ([], [*files, files[0]], [{"filename": ""}], [{"filename": "a", "content_type": "é"}]):
        assert api.call("POST", path, {"files": refused}).status_code == 400
    assert api.call("POST", path, {"files": files, "upload_dir": "../up"}).status_code == 400
