"""Multipart uploads by signed addresses, over real HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.storage import PART, MultipartUpload, stored_files


@pytest.fixture
def server(datalake_platform: PlatformServer) -> PlatformServer:
    return datalake_platform


@pytest.fixture
def api(server: PlatformServer) -> Api:
    return Api(server)


def test_parts_make_the_object_and_the_last_may_be_empty(api: Api) -> None:
    upload = MultipartUpload(api)
    first = bytes(range(256)) * (PART // 256)

    parts = [upload.put(1, first), upload.put(2, b"tail"), upload.put(3, b"")]

    assert upload.complete(parts).status_code == 200
    assert api.storage("GET", api.address(upload.name)).content == first + b"tail"


def test_nothing_is_there_before_it_is_complete(api: Api) -> None:
    upload = MultipartUpload(api)
    upload.put(1, b"x")

    assert api.stat(upload.name).status_code == 404


def test_a_part_sent_again_replaces_the_first(api: Api) -> None:
    upload = MultipartUpload(api)
    stale = upload.put(1, b"first")
    fresh = upload.put(1, b"second")

    assert upload.complete([stale]).status_code == 400
    assert upload.complete([fresh]).status_code == 200
    assert api.storage("GET", api.address(upload.name)).content == b"second"


def test_the_parts_that_are_there_are_listed_in_order(api: Api) -> None:
    upload = MultipartUpload(api)
    second, _, first = upload.put(2, b"second"), upload.put(1, b"stale"), upload.put(1, b"one")

    listed = upload.listed().json()["parts"]

    assert "multipart-parts" in api.json("GET", "/api/home/ping")["extensions"]
    assert listed == [{**first, "Size": 3}, {**second, "Size": 6}]
    assert upload.complete([{"ETag": one["ETag"], "PartNumber": one["PartNumber"]} for one in listed]).ok


def test_parts_are_listed_only_of_an_upload_under_way_and_of_its_object(api: Api) -> None:
    empty, done, other = MultipartUpload(api), MultipartUpload(api), MultipartUpload(api)
    done.complete([done.put(1, b"x")])
    other.name = empty.name

    answers = [upload.listed().status_code for upload in (empty, done, other)]

    assert empty.listed().json() == {"parts": []}
    assert answers == [200, 404, 404]


def test_completing_again_is_answered_the_same(api: Api) -> None:
    upload = MultipartUpload(api)
    parts = [upload.put(1, b"x")]

    assert [upload.complete(parts).status_code for _ in range(2)] == [200, 200]


def test_wrong_lists_of_parts_are_refused(api: Api) -> None:
    upload = MultipartUpload(api)
    one, two = upload.put(1, b"a"), upload.put(2, b"b")
    never = {"ETag": f'"{"0" * 32}"', "PartNumber": 1}

    wrong = ([two, one], [one, one], [], [never, two], [{**one, "ETag": "../../x"}], [{**one, "PartNumber": 3}])

    assert [upload.complete(parts).status_code for parts in wrong] == [400] * len(wrong)
    assert upload.complete([one, two]).status_code == 200


def test_a_part_above_the_limit_is_refused_and_leaves_nothing(api: Api, server: PlatformServer) -> None:
    upload = MultipartUpload(api)
    before = stored_files(server)

    answer = api.storage("PUT", upload.part_address(1), data=bytes(PART + 1))

    assert answer.status_code == 413
    assert stored_files(server) == before


def test_an_address_of_one_part_does_not_write_another(api: Api) -> None:
    url = MultipartUpload(api).part_address(1)

    assert api.storage("PUT", url.replace("part=1&", "part=2&"), data=b"x").status_code == 403


@pytest.mark.parametrize("upload_id", ["0" * 32, "../../secret", "", "é" * 32])
def test_an_unknown_upload_is_refused(api: Api, upload_id: str) -> None:
    upload = MultipartUpload(api)
    upload.id = upload_id

    assert upload.complete([{"ETag": '"x"', "PartNumber": 1}]).status_code in (400, 404)


def test_an_upload_belongs_to_its_object(api: Api) -> None:
    upload = MultipartUpload(api)
    parts = [upload.put(1, b"x")]
    upload.name = api.object_name()

    assert upload.complete(parts).status_code == 404


def test_parts_survive_a_killed_server(tmp_path: Path) -> None:
    with PlatformServer(home=tmp_path) as server:
        upload = MultipartUpload(Api(server))
        parts = [upload.put(1, b"before ")]
        server.kill()
        server.start()
        parts.append(upload.put(2, b"after"))

        assert upload.complete(parts).status_code == 200
        again = Api(server)
        assert again.storage("GET", again.address(upload.name)).content == b"before after"
