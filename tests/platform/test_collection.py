"""Uploaded objects that no row names: deleted once they are old, and nothing else is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from datalake_ops.platform.bootstrap import ensure_installation, prepare_home
from datalake_ops.platform.catalog.delete import object_removal
from datalake_ops.platform.objects.collection.collector import DAY_SECONDS, ObjectCollector
from datalake_ops.platform.objects.collection.digest_filter import DigestFilter
from datalake_ops.platform.objects.folder_store import object_path
from datalake_ops.platform.objects.object_store import LocalObjectStore
from datalake_ops.platform.settings import ServeOptions
from datalake_ops.platform.store.database import Database
from datalake_ops.testing import PlatformServer
from tests.platform.job_lab import Lab, program_arguments
from tests.platform.lakes import SMALL_JPEG, LakeApi
from tests.platform.soak.home import age_objects, stored_objects
from tests.platform.storage import MultipartUpload

NAME = "data/a.jpg"


class TestServer:
    def test_deletes_what_no_row_names_and_keeps_all_else(self, tmp_path: Path) -> None:
        with PlatformServer(home=tmp_path / "home", arguments=program_arguments(tmp_path)) as server:
            lab = Lab(server)
            lake = LakeApi(server)
            job = lab.api.ended(lab.launch())
            data = lake.a_data()
            projection = self.projection(lake, data["id"])
            log = lake.object_name("log.txt", type="LOGGING", context={"job_id": job["id"]})
            lake.send_form(lake.form(log), b"a log")
            lake.json("POST", f"/api/v2/job/{job['id']}/logging/save", {"logging_object_name": log})
            record = f"processings/{lake.lake['id']}/quality-tagging.tags"
            lake.send_form(lake.form(record, ""), b"a record", "")
            given_up, young = lake.upload(SMALL_JPEG), lake.upload(SMALL_JPEG)
            upload = MultipartUpload(lake)
            part = upload.put(1, SMALL_JPEG)
            (server.bucket / "b.jpg").write_bytes(SMALL_JPEG)
            os.utime(server.bucket / "b.jpg", (0, 0))
            path = object_path(server.home / "objects", lake.connector, young)
            before = stored_objects(server.home)

            server.stop()
            age_objects(server.home, [path])
            server.start()
            lake.until(lambda: lake.stat(given_up).status_code == 404)
            # What the row says of it, and what a client is told that comes back too late.
            late = lake.register(given_up)

            assert len(before - stored_objects(server.home)) == 1
            assert late.status_code == 400
            assert "upload the file first" in late.text
            assert lake.stat(log).ok
            assert lake.stat(record).ok
            assert lake.stat("b.jpg").ok
            assert lake.json("GET", f"/api/data/projection/{projection}/presigned-url")["presigned_url"]
            assert lake.register(young).status_code == 201
            assert upload.complete([part]).ok
            assert "1 uploaded objects" in server.log

    def test_keeps_everything_where_it_is_told_to(self, tmp_path: Path) -> None:
        with PlatformServer(home=tmp_path / "home", arguments=["--unregistered-days", "0"]) as server:
            lake = LakeApi(server)
            name = lake.upload(SMALL_JPEG)
            server.stop()
            age_objects(server.home, [])
            server.start()

            assert lake.register(name).status_code == 201

    def projection(self, lake: LakeApi, data: str) -> str:
        name = lake.object_name("depth.jpg", type="DATA_PROJECTION")
        lake.send_form(lake.form(name), SMALL_JPEG)
        body = {"name": "depth", "object_name": name, "filename": "depth.jpg", "content_type": "image/jpeg"}
        body |= {"file_size": 1, "width": 1, "height": 1, "additional_info": None}
        return str(lake.json("POST", f"/api/data/{data}/projections", body)["id"])


class Opened:
    """A home that no server serves, with an old object that has no row."""

    def __init__(self, home: Path, link_seconds: int = 3600) -> None:
        settings = prepare_home(ServeOptions(home=home, link_seconds=link_seconds))
        self.database = Database(settings.database)
        self.database.write_sync(lambda connection: ensure_installation(connection, "dlo_token"))
        self.store = LocalObjectStore(settings, self.database)
        self.connector = uuid4()
        self.path = object_path(settings.objects, str(self.connector), NAME)
        self.store_again()
        self.age(30)

    def store_again(self) -> None:
        self.store.write(self.connector, NAME, b"content")

    def age(self, days: float) -> None:
        old = time.time() - days * DAY_SECONDS
        os.utime(self.path, (old, old))

    def collect(self, days: float = 7) -> int:
        return ObjectCollector(self.store, self.database, days * DAY_SECONDS).collect()

    def close(self) -> None:
        self.store.close()
        self.database.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path / "home")
    yield opened
    opened.close()


class TestCollector:
    def test_waits_for_the_age(self, opened: Opened) -> None:
        assert opened.collect(days=31) == 0
        assert opened.path.exists()
        assert opened.collect(days=29) == 1
        assert not opened.path.exists()

    def test_waits_until_addresses_expire(self, tmp_path: Path) -> None:
        opened = Opened(tmp_path / "home", link_seconds=40 * 24 * 3600)

        assert opened.collect(days=1) == 0

        opened.close()

    def test_takes_an_object_of_the_future_for_a_young_one(self, opened: Opened) -> None:
        opened.age(-30)

        assert opened.collect(days=0.1) == 0

    def test_keeps_what_gets_a_row_during_a_collection(self, opened: Opened) -> None:
        before = time.time() - DAY_SECONDS
        opened.store.begin_collection()

        claimed = opened.store.claim(opened.connector, NAME)
        removed = opened.store.remove_unclaimed([opened.path.name], before)

        assert claimed
        assert removed == []
        opened.store.end_collection()
        opened.store.begin_collection()
        assert opened.store.remove_unclaimed([opened.path.name], before) == [7]
        assert not opened.store.claim(opened.connector, NAME)

    def test_keeps_what_was_stored_again_meanwhile(self, opened: Opened) -> None:
        opened.store.begin_collection()
        opened.store_again()

        removed = opened.store.remove_unclaimed([opened.path.name], time.time() - DAY_SECONDS)

        assert removed == []
        assert opened.path.read_bytes() == b"content"

    def test_deletes_nothing_when_the_server_stops_before_all_rows_are_read(self, opened: Opened) -> None:
        collector = ObjectCollector(opened.store, opened.database, 7 * DAY_SECONDS)
        collector.stop()

        collector.start()
        collector.stop()

        assert opened.path.exists()


def test_a_delete_leaves_an_object_that_got_a_row_again(tmp_path: Path) -> None:
    with PlatformServer(home=tmp_path / "home") as server:
        name = LakeApi(server).upload(SMALL_JPEG)
        lake = LakeApi(server)
        assert lake.register(name).status_code == 201
    settings = prepare_home(ServeOptions(home=tmp_path / "home"))
    database = Database(settings.database)
    store = LocalObjectStore(settings, database)

    # As if the rows had been deleted, and another request had registered it since.
    database.write_sync(object_removal(store, UUID(lake.connector), [name]))

    assert object_path(settings.objects, lake.connector, name).exists()
    store.close()
    database.close()


def test_a_filter_never_denies_what_it_holds_and_confirms_little_else() -> None:
    held = [hashlib.sha256(b"held %d" % number).digest() for number in range(5000)]
    others = [hashlib.sha256(b"other %d" % number).digest() for number in range(5000)]
    digests = DigestFilter(len(held))
    for digest in held:
        digests.add(digest)

    assert all(digest in digests for digest in held)
    assert sum(digest in digests for digest in others) < 50
