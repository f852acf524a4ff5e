"""Registering data: measured by the platform, once per object, whole or not at all."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.platform.images import a_jpeg, a_picture, as_bytes
from tests.platform.lakes import SMALL_JPEG, LakeApi


def test_a_registered_data_has_all_its_parts(lake: LakeApi) -> None:
    tag, source = lake.a_tag("front"), lake.a_source(f"camera {uuid4()}")
    metadata = {"latitude": 48.5, "longitude": 2.5, "acquired_at": "2024-03-01T10:00:00", "weather": "rain"}

    data = lake.a_data(
        "été 'one' \"two\".jpg",
        tags=[tag, tag],
        data_source_id=source,
        metadata=metadata,
        custom_metadata={"line": 3, "empty": None},
    )

    assert data == lake.json("GET", f"/api/data/{data['id']}") | {"presigned_url": data["presigned_url"]}
    assert data["filename"] == "été 'one' \"two\".jpg"
    assert data["upload_status"] == "DONE"
    assert data["meta"] == {"width": 64, "height": 48}
    assert data["file_size"] == len(SMALL_JPEG)
    assert data["metadata"] == metadata
    assert data["custom_metadata"] == {"line": 3, "empty": None}
    assert data["tags"] == [{"id": tag, "name": "front", "target_type": "DATA"}]
    assert data["data_source"]["id"] == source
    assert lake.storage("GET", data["presigned_url"]).content == SMALL_JPEG


def test_the_platform_measures_and_does_not_trust_the_client(lake: LakeApi) -> None:
    turned = a_jpeg(80, 60, exif={0x0112: 6})

    data = lake.a_data("turned.jpg", turned, meta={"width": 1, "height": 2})

    assert data["meta"] == {"width": 60, "height": 80}


@pytest.mark.parametrize("content", [b"", b"just text", SMALL_JPEG[:200]], ids=["empty", "text", "truncated"])
def test_what_cannot_be_read_is_an_error_without_size(lake: LakeApi, content: bytes) -> None:
    data = lake.a_data("bad.jpg", content, meta={"width": 640, "height": 480})

    assert data["upload_status"] == "ERROR"
    assert data["meta"] is None
    assert data["error_reason"]


def test_the_same_object_twice_is_one_data(lake: LakeApi) -> None:
    name = lake.upload(SMALL_JPEG)

    first, second = lake.register(name, "one.jpg"), lake.register(name, "one.jpg")

    assert first.json()["id"] == second.json()["id"]
    assert lake.page()["count"] == 1


def test_an_object_that_was_never_uploaded_is_refused(lake: LakeApi) -> None:
    answer = lake.register(f"data/{uuid4()}.jpg")

    assert "not in the storage" in lake.message(answer)
    assert lake.page()["count"] == 0


@pytest.mark.parametrize(
    "filename",
    ["", ".", "..", "../up.jpg", "a/b.jpg", "..\\up.jpg", "a\\..\\up.jpg", "\\up.jpg", "nul\0.jpg", "x" * 2000],
)
def test_a_file_name_that_could_leave_its_folder_is_refused(lake: LakeApi, filename: str) -> None:
    answer = lake.register(lake.upload(SMALL_JPEG), filename)

    assert "filename" in lake.message(answer)
    assert lake.page()["count"] == 0


@pytest.mark.parametrize(
    "more",
    [
        {"tags": [str(uuid4())]},
        {"data_source_id": str(uuid4())},
        {"metadata": {"speed": 3}},
        {"tags": "front"},
        {"type": "SOUND"},
        {"custom_metadata": [1]},
        {"filename": None},
    ],
    ids=lambda more: next(iter(more)),
)
def test_a_body_that_does_not_hold_registers_nothing(lake: LakeApi, more: dict[str, object]) -> None:
    answer = lake.register(lake.upload(SMALL_JPEG), **more)

    assert lake.message(answer)
    assert lake.page()["count"] == 0


def test_the_tag_of_another_lake_is_refused(lake: LakeApi, stranger: LakeApi) -> None:
    tag = stranger.a_tag(f"theirs {uuid4()}")

    answer = lake.register(lake.upload(SMALL_JPEG), tags=[tag])

    assert tag in lake.message(answer)


def test_deleting_a_data_deletes_its_file_and_projections(lake: LakeApi) -> None:
    data = lake.a_data()
    thumbnail = lake.upload(as_bytes(a_picture(16, 12), "PNG"), "small.png", "image/png")
    projection = lake.json(
        "POST",
        f"/api/data/{data['id']}/projections",
        {
            "name": "thumbnail",
            "file_size": 1,
            "object_name": thumbnail,
            "filename": "small.png",
            "content_type": "image/png",
            "width": 16,
            "height": 12,
            "additional_info": {"k": 1},
        },
    )

    answer = lake.call("DELETE", f"/api/data/{data['id']}")

    assert answer.status_code == 204
    assert lake.call("GET", f"/api/data/{data['id']}").status_code == 404
    assert lake.call("GET", f"/api/data/projection/{projection['id']}").status_code == 404
    assert lake.storage("GET", data["presigned_url"]).status_code == 404
    assert lake.storage("GET", projection["presigned_url"]).status_code == 404


def test_many_data_are_deleted_at_once_and_unknown_ones_passed_over(lake: LakeApi) -> None:
    tag = lake.a_tag("old")
    ids = [lake.a_data(tags=[tag])["id"] for _ in range(3)]
    lake.a_data("kept.jpg", tags=[tag])

    answer = lake.call("DELETE", f"{lake.path}/datas", {"ids": [*ids, ids[0], str(uuid4())]})

    assert answer.json() == {"count": 3}
    assert lake.names('tags.name = "old"') == ["kept.jpg"]


def test_deleting_a_projection_keeps_a_file_that_is_data_too(lake: LakeApi) -> None:
    data = lake.a_data()
    size = {"file_size": 1, "width": 1, "height": 1}
    body = {
        "name": "same",
        "object_name": data["object_name"],
        "filename": "a.jpg",
        "content_type": "image/jpeg",
        **size,
    }
    projection = lake.json("POST", f"/api/data/{data['id']}/projections", body)

    assert lake.call("DELETE", f"/api/data/projection/{projection['id']}").status_code == 204

    assert lake.storage("GET", data["presigned_url"]).status_code == 200


def test_projections_are_listed_and_registered_once(lake: LakeApi) -> None:
    data = lake.a_data()
    body = {
        "name": "mask",
        "file_size": 5,
        "object_name": lake.upload(as_bytes(a_picture(16, 12), "PNG"), "mask.png", "image/png"),
        "filename": "mask.png",
        "content_type": "image/png",
        "width": 16,
        "height": 12,
        "additional_info": {"threshold": 0.5},
    }
    path = f"/api/data/{data['id']}/projections"

    first, second = lake.json("POST", path, body), lake.json("POST", path, body)

    assert first["id"] == second["id"]
    assert [item["id"] for item in lake.json("GET", path)["items"]] == [first["id"]]
    assert first["infos"] == {"threshold": 0.5}
    assert first["compute_status"] == "DONE"
    assert lake.json("GET", f"/api/data/projection/{first['id']}")["name"] == "mask"
    address = lake.json("GET", f"/api/data/projection/{first['id']}/presigned-url")["presigned_url"]
    assert lake.storage("GET", address).status_code == 200
    assert lake.message(lake.call("POST", path, {**body, "object_name": "never/uploaded.png"}))


def test_a_data_gives_a_fresh_address(lake: LakeApi) -> None:
    data = lake.a_data()

    address = lake.json("GET", f"/api/data/{data['id']}/presigned-url")["presigned_url"]

    assert lake.storage("GET", address).content == SMALL_JPEG
