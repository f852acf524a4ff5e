"""Imports from a lake's bucket, done by a real server on real files."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from datalake_ops.testing import PlatformServer
from tests.pictures.files import ASCII, RATIONAL, an_exif_block, rationals, several
from tests.platform.api import Api
from tests.platform.images import a_jpeg, a_picture, as_bytes
from tests.platform.videos import an_mp4


@pytest.fixture
def server(datalake_platform: PlatformServer) -> PlatformServer:
    return datalake_platform


@pytest.fixture
def api(server: PlatformServer, request: pytest.FixtureRequest) -> Api:
    """A lake of the test's own; the bucket is the same for all, so each test has its folder in it."""
    api = Api(server)
    api.lake = api.json("GET", f"/api/datalake/{server.add_lake(request.node.name)}")
    return api


@pytest.fixture
def folder(server: PlatformServer, request: pytest.FixtureRequest) -> Path:
    path = server.bucket / request.node.name
    path.mkdir(parents=True)
    return path


def start(api: Api, **body: Any) -> dict[str, Any]:
    answer = api.json("POST", f"/api/datalake/{api.lake['id']}/objects", {"datalake_id": api.lake["id"], **body})
    return dict(answer["job"])


def import_prefixes(api: Api, *prefixes: str, **more: Any) -> dict[str, Any]:
    return api.ended(start(api, prefixes=list(prefixes), tag_ids=[], **more))


def import_objects(api: Api, objects: dict[str, Any]) -> dict[str, Any]:
    return api.ended(start(api, objects=objects))


def counts(job: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in job["counts"].items() if count}


def test_an_import_takes_what_is_under_the_prefix_and_tells_what_it_did(api: Api, folder: Path) -> None:
    for index in range(3):
        (folder / f"{index}.jpg").write_bytes(a_jpeg(320, 240, index))
    (folder / "clip.mp4").write_bytes(an_mp4(640, 360))
    (folder / "notes.txt").write_text("no image")
    (folder / "broken.png").write_text("no image either")
    (folder.parent / f"{folder.name}-elsewhere.jpg").write_bytes(a_jpeg())

    job = import_prefixes(api, f"{folder.name}/")

    assert job["status"] == "SUCCEEDED"
    assert counts(job) == {"listed": 6, "imported": 5, "skipped_type": 1, "measured": 5, "failed": 1}
    found = {data["filename"]: data for data in api.all_data()}
    assert set(found) == {"0.jpg", "1.jpg", "2.jpg", "clip.mp4", "broken.png"}
    assert found["0.jpg"]["meta"] == {"width": 320, "height": 240}
    assert found["clip.mp4"]["meta"] == {"width": 640, "height": 360}
    assert found["clip.mp4"]["type"] == "VIDEO"
    assert found["broken.png"]["upload_status"] == "ERROR"
    assert found["0.jpg"]["file_size"] == (folder / "0.jpg").stat().st_size
    assert api.storage("GET", found["0.jpg"]["presigned_url"]).content == (folder / "0.jpg").read_bytes()


def test_the_log_says_what_could_not_be_read_and_why(api: Api, folder: Path) -> None:
    (folder / "half.jpg").write_bytes(a_jpeg()[:2000])

    job = import_prefixes(api, f"{folder.name}/")

    log = api.log(job)
    assert any("half.jpg: the image cannot be decoded" in line for line in log)
    assert log[-1].startswith("done: listed 1, imported 1")


def test_the_log_counts_by_ending_what_is_passed_over(api: Api, folder: Path) -> None:
    for name in ("a.txt", "b.txt", "c.dng", "README"):
        (folder / name).write_text("text")
    (folder / "scan.tif").write_bytes(several("TIFF")())

    job = import_prefixes(api, f"{folder.name}/")

    assert counts(job) == {"listed": 5, "imported": 1, "skipped_type": 4, "measured": 1}
    log = api.log(job)
    assert "passed over by the ending of their names: 2 .txt, 1 without an ending, 1 .dng" in log
    assert f"{folder.name}/scan.tif: a document of 3 pages, of which the lake shows the first" in log


def a_camera_picture() -> bytes:
    block = an_exif_block(
        (0x010F, ASCII, b"Canon\0"),
        (0x0110, ASCII, b"EOS 5D\0"),
        (0x0132, ASCII, b"2025:01:01 00:00:00\0"),
        exif=[(0x9003, ASCII, b"2024:05:06 07:08:09\0"), (0x9011, ASCII, b"+05:30\0")],
        gps=[
            (1, ASCII, b"S\0"),
            (2, RATIONAL, rationals((33, 1), (30, 1), (0, 1))),
            (3, ASCII, b"W\0"),
            (4, RATIONAL, rationals((70, 1), (15, 1), (0, 1))),
        ],
    )
    return as_bytes(a_picture(), "JPEG", exif=block)


@pytest.mark.parametrize("by", ["prefixes", "objects"])
def test_an_import_reads_place_moment_and_camera_when_it_is_asked_to(api: Api, folder: Path, by: str) -> None:
    (folder / "a.jpg").write_bytes(a_camera_picture())
    name = f"{folder.name}/a.jpg"
    given = {"custom_metadata": {"camera_lens": "mine"}, "metadata": {"altitude": 7.0}}
    body = {"prefixes": [name], "tag_ids": []} if by == "prefixes" else {"objects": {name: given}}

    api.ended(start(api, **body, fill_metadata="full"))

    [data] = api.all_data()
    more: dict[str, Any] = {"altitude": 7.0} if by == "objects" else {}
    assert {key: value for key, value in data["metadata"].items() if key != "acquired_at"} == {
        "manufacturer": "Canon",
        "latitude": -33.5,
        "longitude": -70.25,
        **more,
    }
    assert data["metadata"]["acquired_at"] == "2024-05-06T07:08:09+05:30"
    assert data["custom_metadata"] == {"camera_model": "EOS 5D", **({"camera_lens": "mine"} if more else {})}


def test_the_schema_of_the_lake_decides_on_the_camera_s_texts(api: Api, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(a_camera_picture())
    path = f"/api/datalake/{api.lake['id']}/custom-metadata"
    api.json("PATCH", path, {"allow_extra_custom_metadata": False})

    api.ended(start(api, prefixes=[folder.name], tag_ids=[], fill_metadata="full"))

    [data] = api.all_data()
    assert not data.get("custom_metadata")
    assert data["metadata"]["latitude"] == -33.5


def test_importing_again_adds_nothing(api: Api, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(a_jpeg())
    import_prefixes(api, folder.name)
    (folder / "b.jpg").write_bytes(a_jpeg())

    job = import_prefixes(api, folder.name)

    assert counts(job) == {"listed": 2, "imported": 1, "skipped_known": 1, "measured": 1}
    assert len(api.all_data()) == 2


def test_nothing_matched_is_a_success_with_counts_of_nothing(api: Api) -> None:
    job = import_prefixes(api, "no/such/folder")

    assert job["status"] == "SUCCEEDED"
    assert counts(job) == {}
    assert job["counts"]["imported"] == 0


def test_tags_source_and_exif_go_to_all_that_is_imported(api: Api, folder: Path) -> None:
    for index in range(2):
        (folder / f"{index}.jpg").write_bytes(a_jpeg(seed=index, exif={0x010F: "Cam Corp", 0x0112: 6}))
    tag = api.json("POST", f"/api/datalake/{api.lake['id']}/tags", {"name": "night"})
    source = api.json("POST", f"/api/organization/{api.organization}/datasources", {"name": f"camera {folder.name}"})

    job = api.ended(start(api, prefixes=[folder.name], tag_ids=[tag["id"]], data_source_id=source["id"]))

    assert job["status"] == "SUCCEEDED"
    for data in api.all_data():
        assert [one["name"] for one in data["tags"]] == ["night"]
        assert data["data_source"]["id"] == source["id"]
        assert data["metadata"] == {"manufacturer": "Cam Corp"}
        assert data["meta"] == {"width": 240, "height": 320}
    query = quote('tags.name = "night"')
    listed = api.json("GET", f"/api/datalake/{api.lake['id']}/datas?q={query}")
    assert listed["count"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"prefixes": []},
        {"prefixes": ["../"]},
        {"prefixes": ["a/../../b"]},
        {"prefixes": "a"},
        {"prefixes": ["a"], "tag_ids": ["00000000-0000-4000-8000-000000000000"]},
        {"prefixes": ["a"], "data_source_id": "00000000-0000-4000-8000-000000000000"},
        {"prefixes": ["a"], "fill_metadata": "all"},
        {"objects": {}},
        {"objects": {f"{index}.jpg": {} for index in range(501)}},
        {"objects": {"a.jpg": {"metadata": {"no such key": 1}}}},
        {"objects": {"a.jpg": {"metadata": {"latitude": 1.0}}}},
        {"objects": {"a.jpg": {"tags": [""]}}},
        {},
        [],
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(api: Api, body: Any) -> None:
    answer = api.call("POST", f"/api/datalake/{api.lake['id']}/objects", body)

    assert answer.status_code == 400
    assert answer.json()["message"]


def test_named_objects_get_each_their_own(api: Api, folder: Path) -> None:
    for name in ("a.jpg", "b.png"):
        (folder / name).write_bytes(as_bytes(a_picture(), "JPEG" if name == "a.jpg" else "PNG"))
    (folder / "c.txt").write_text("no image")
    said = {
        "metadata": {"weather": "fog", "manufacturer": "me"},
        "custom_metadata": {"line": 3},
        "tags": ["one", "two"],
        "data_source": f"cam {folder.name}",
    }
    plain: dict[str, Any] = {"metadata": None, "custom_metadata": None, "tags": [], "data_source": None}

    job = import_objects(
        api,
        {
            f"{folder.name}/a.jpg": said,
            f"{folder.name}/b.png": {**plain, "tags": ["two"]},
            f"{folder.name}/c.txt": plain,
            f"{folder.name}/absent.jpg": plain,
            "../outside.jpg": plain,
        },
    )

    assert counts(job) == {"listed": 5, "imported": 2, "skipped_type": 1, "missing": 2, "measured": 2}
    found = {data["filename"]: data for data in api.all_data()}
    assert found["a.jpg"]["metadata"] == {"weather": "fog", "manufacturer": "me"}
    assert found["a.jpg"]["custom_metadata"] == {"line": 3}
    assert sorted(tag["name"] for tag in found["a.jpg"]["tags"]) == ["one", "two"]
    assert found["a.jpg"]["data_source"]["name"] == f"cam {folder.name}"
    assert [tag["name"] for tag in found["b.png"]["tags"]] == ["two"]
    assert any("absent.jpg" in line for line in api.log(job))


def test_what_is_said_of_an_object_wins_over_its_exif(api: Api, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(a_jpeg(exif={0x010F: "Cam Corp", 0x0131: "firmware 2"}))

    import_objects(api, {f"{folder.name}/a.jpg": {"metadata": {"manufacturer": "me"}}})

    assert api.all_data()[0]["metadata"] == {"manufacturer": "me", "software": "firmware 2"}


def test_projections_are_attached_to_their_data(api: Api, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(a_jpeg())
    (folder / "a-depth.png").write_bytes(as_bytes(a_picture(40, 30), "PNG"))
    import_objects(api, {f"{folder.name}/a.jpg": {}})
    asked = {
        f"{folder.name}/a.jpg": [
            {"name": "depth", "object_name": f"{folder.name}/a-depth.png"},
            {"name": "gone", "object_name": f"{folder.name}/no.png"},
        ],
        f"{folder.name}/stranger.jpg": [{"name": "depth", "object_name": f"{folder.name}/a-depth.png"}],
    }
    path = f"/api/datalake/{api.lake['id']}/objects/projections"

    jobs = [api.ended(api.json("POST", path, {"projections": asked})["job"]) for _ in range(2)]

    assert counts(jobs[0]) == {"listed": 3, "imported": 1, "missing": 2}
    assert counts(jobs[1]) == {"listed": 3, "skipped_known": 1, "missing": 2}
    projections = api.json("GET", f"/api/data/{api.all_data()[0]['id']}/projections")["items"]
    assert [(one["name"], one["compute_status"]) for one in projections] == [("depth", "DONE")]


def test_links_in_the_bucket_are_not_followed(api: Api, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(a_jpeg())
    (folder / "link.jpg").symlink_to(secret)
    (folder / "links").symlink_to(tmp_path)

    job = import_prefixes(api, folder.name)
    named = import_objects(api, {f"{folder.name}/link.jpg": {}, f"{folder.name}/links/secret.jpg": {}})

    assert counts(job) == {}
    assert counts(named) == {"listed": 2, "missing": 2}


def test_a_name_that_is_no_text_is_counted_and_does_not_stop_the_import(api: Api, folder: Path) -> None:
    (folder / "good.jpg").write_bytes(a_jpeg())
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.jpg")).write_bytes(a_jpeg())

    job = import_prefixes(api, folder.name)

    assert counts(job) == {"listed": 2, "imported": 1, "skipped_name": 1, "measured": 1}


def test_two_lakes_import_the_same_objects_each_for_itself(server: PlatformServer, api: Api, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(a_jpeg())
    other = Api(server)
    other.lake = other.json("GET", f"/api/datalake/{server.add_lake(f'other {folder.name}')}")

    assert counts(import_prefixes(api, folder.name))["imported"] == 1
    assert counts(import_prefixes(other, folder.name))["imported"] == 1


def test_another_organization_sees_a_bucket_of_its_own(server: PlatformServer, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(a_jpeg())
    stranger = Api(server, server.add_organization(f"org {folder.name}")["token"])

    assert counts(import_prefixes(stranger, "")) == {}


def fill(bucket: Path, count: int, content: bytes) -> None:
    """Many names of one file: quickly made, and each an object of its own."""
    bucket.mkdir(exist_ok=True)
    first = bucket / "first.jpg"
    first.write_bytes(content)
    for index in range(count - 1):
        folder = bucket / f"{index % 7}"
        folder.mkdir(exist_ok=True)
        (folder / f"{index:05}.jpg").hardlink_to(first)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("phase", "count", "size"), [("imported", 4_000, (16, 16)), ("measured", 300, (1200, 900))])
def test_an_import_goes_on_where_a_killed_server_left_it(
    tmp_path: Path, phase: str, count: int, size: tuple[int, int]
) -> None:
    fill(tmp_path / "bucket", count, a_jpeg(*size))
    with PlatformServer(home=tmp_path / "home", bucket=tmp_path / "bucket") as server:
        job = start(Api(server), prefixes=[""], tag_ids=[])
        wait_for_count(Api(server), job, phase, 1)
        server.kill()
        with sqlite3.connect(tmp_path / "home" / "datalake.db") as database:
            [(status,)] = database.execute("SELECT status FROM job")
        server.start()

        assert status == "RUNNING"
        api = Api(server)
        ended = api.ended(job, 600)

        assert ended["status"] == "SUCCEEDED"
        assert counts(ended) == {"listed": count, "imported": count, "measured": count}
        found = api.all_data()
        assert len({data["object_name"] for data in found}) == len(found) == count
        assert {data["upload_status"] for data in found} == {"DONE"}


def test_a_killed_import_ends_at_once_and_leaves_nothing_unread(api: Api, folder: Path) -> None:
    fill(folder, 300, a_jpeg(1200, 900))
    job = start(api, prefixes=[f"{folder.name}/"], tag_ids=[])
    wait_for_count(api, job, "imported", 1)

    killed = api.json("POST", f"/api/v2/job/{job['id']}/kill")

    assert killed["status"] == "KILLED"
    assert killed["counts"]["measured"] < 300
    assert api.json("POST", f"/api/v2/job/{job['id']}/kill")["status"] == "KILLED"
    api.until(lambda: {data["upload_status"] for data in api.all_data()} == {"DONE"})


def wait_for_count(api: Api, job: dict[str, Any], name: str, least: int) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        state = api.json("GET", f"/api/v2/job/{job['id']}")
        if ((state["counts"] or {}).get(name) or 0) >= least:
            return
        time.sleep(0.002)
    raise AssertionError(f"{name} never reached {least}")


def test_a_line_break_in_a_name_makes_no_line_of_the_log_of_its_own(api: Api, folder: Path) -> None:
    name = f"{folder.name}/broken\nall is well\u2028really\r.jpg"
    (folder.parent / name).write_bytes(b"no picture")

    by_prefix = import_prefixes(api, f"{folder.name}/")
    by_name = import_objects(api, {f"{folder.name}/gone\nall is well.jpg": {}})

    lines = [line for job in (by_prefix, by_name) for line in api.log(job)]
    assert not [line for line in lines if len(line.splitlines()) > 1]
    assert any(line.startswith(rf"{folder.name}/broken\nall is well\u2028really\r.jpg: ") for line in lines)
    assert any(line.startswith(rf"{folder.name}/gone\nall is well.jpg: ") for line in lines)
