"""Objects that were overwritten in the bucket since their import: skipped, updated, or imported as new data."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.errors import ArgumentError, DownloadError, UnsupportedError
from datalake_ops.hook import DatalakeHook
from datalake_ops.lake import CONTENT_KEY
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.data import UploadStatus
from datalake_ops.wire.jobs import Job
from tests.platform.api import Api
from tests.platform.images import a_jpeg

MADE_BY = 0x010F
WRITTEN_BY = 0x0131
BEFORE = a_jpeg(320, 240, 1, {MADE_BY: "Old Camera", WRITTEN_BY: "firmware 1"})
AFTER = a_jpeg(160, 120, 2, {MADE_BY: "New Camera"})
READABLE = 'upload_status = "DONE"'


class Bucket:
    """A folder of the bucket, and a lake that imports it."""

    def __init__(self, hook: DatalakeHook, folder: Path) -> None:
        self.hook = hook
        self.folder = folder
        folder.mkdir(parents=True)

    def put(self, name: str, content: bytes) -> None:
        """Write a file so that it differs in its time, as the next second's does."""
        path = self.folder / name
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_bytes(content)
        os.utime(path, ns=(path.stat().st_mtime_ns, max(path.stat().st_mtime_ns, before + 1)))

    def load(self, **options: Any) -> Job:
        return self.hook.wait_for_job(self.hook.import_bucket_objects([f"{self.folder.name}/"], **options), timeout=240)

    def counts(self, **options: Any) -> dict[str, int]:
        return {name: count for name, count in (self.load(**options).counts or {}).items() if count}


@pytest.fixture
def bucket(datalake_platform: PlatformServer, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    name = request.node.name.replace("[", "-").replace("]", "")
    with datalake_platform.hook(datalake_id=datalake_platform.add_lake(name)) as hook:
        yield Bucket(hook, datalake_platform.bucket / name)


@pytest.fixture
def overwritten(bucket: Bucket, tmp_path: Path) -> Bucket:
    """One imported picture with a tag, metadata, a content hash and a projection, and another in its place now."""
    bucket.put("a.jpg", BEFORE)
    bucket.load(tags=["seen"])
    data = bucket.hook.list_data()[0]
    bucket.hook.update_metadata(data, {**(data.metadata or {}), "weather": "fog"})
    bucket.hook.update_custom_metadata(data, {CONTENT_KEY: "0" * 64, "line": 3})
    (tmp_path / "mask.jpg").write_bytes(BEFORE)
    bucket.hook.create_projection(data, "mask", tmp_path / "mask.jpg")
    bucket.put("a.jpg", AFTER)
    return bucket


def test_an_overwritten_object_is_skipped_counted_and_warned_of(
    overwritten: Bucket, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    before = overwritten.hook.list_data()[0]

    with caplog.at_level(logging.WARNING):
        job = overwritten.load()

    assert {name: count for name, count in (job.counts or {}).items() if count} == {"listed": 1, "skipped_changed": 1}
    assert "skipped 1 objects that were overwritten" in caplog.text
    log = overwritten.hook.job_log(job)
    assert any(line.startswith("warning: 1 objects were overwritten") and "a.jpg" in line for line in log)
    after = overwritten.hook.list_data()[0]
    assert (after.custom_metadata, after.meta, after.file_size) == (before.custom_metadata, before.meta, len(BEFORE))
    with pytest.raises(DownloadError):
        overwritten.hook.download(after, tmp_path / "out")


def test_an_update_reads_the_object_again_and_drops_what_told_of_the_former_one(
    overwritten: Bucket, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    before = overwritten.hook.list_data()[0]
    mask = overwritten.hook.list_projections(before)[0].object_name

    assert overwritten.counts(on_changed="update") == {"listed": 1, "updated": 1, "measured": 1}

    [data] = overwritten.hook.list_data()
    assert data.id == before.id
    assert (data.width, data.height, data.file_size) == (160, 120, len(AFTER))
    assert data.metadata == {"manufacturer": "New Camera", "weather": "fog"}
    assert data.custom_metadata == {"line": 3}
    assert [tag.name for tag in data.tags or ()] == ["seen"]
    assert list(overwritten.hook.list_projections(data)) == []
    assert not Api(datalake_platform).stat(mask).ok
    assert overwritten.hook.download(data, tmp_path / "out")[0].read_bytes() == AFTER
    assert overwritten.counts() == {"listed": 1, "skipped_known": 1}


def test_a_new_data_leaves_the_earlier_one_as_it_was_but_for_its_status(overwritten: Bucket, tmp_path: Path) -> None:
    before = overwritten.hook.list_data()[0]

    assert overwritten.counts(on_changed="new") == {"listed": 1, "imported": 1, "measured": 1}

    [data] = overwritten.hook.list_data(q=READABLE)
    assert data.id != before.id
    assert data.object_name == before.object_name
    assert (data.width, data.metadata, data.tags) == (160, {"manufacturer": "New Camera"}, ())
    assert overwritten.hook.download(data, tmp_path / "out")[0].read_bytes() == AFTER
    old = overwritten.hook.get_data(before.id)
    assert old.upload_status is UploadStatus.ERROR
    assert "overwritten" in (old.error_reason or "")
    assert (old.metadata, old.custom_metadata, old.tags) == (before.metadata, before.custom_metadata, before.tags)
    assert len(overwritten.hook.list_projections(old)) == 1
    with pytest.raises(DownloadError):
        overwritten.hook.download(old, tmp_path / "out")
    assert overwritten.counts(on_changed="new") == {"listed": 1, "skipped_known": 1}


@pytest.mark.parametrize("on_changed", ["update", "new"])
def test_named_objects_get_what_is_said_of_them(overwritten: Bucket, on_changed: str) -> None:
    said = {"metadata": {"manufacturer": "me"}, "custom_metadata": {"line": 4}, "tags": ["again"], "data_source": "cam"}

    [job] = overwritten.hook.import_cloud_objects({f"{overwritten.folder.name}/a.jpg": said}, on_changed=on_changed)
    overwritten.hook.wait_for_job(job, timeout=240)

    [data] = overwritten.hook.list_data(q=READABLE)
    kept = {"weather": "fog"} if on_changed == "update" else {}
    assert data.metadata == {"manufacturer": "me", **kept}
    assert data.custom_metadata == {"line": 4}
    assert [tag.name for tag in data.tags or ()] == (["seen"] if kept else []) + ["again"]
    assert data.data_source is not None


@pytest.mark.parametrize("changed", ["time", "size"])
def test_an_object_of_another_time_or_size_is_another(bucket: Bucket, changed: str) -> None:
    bucket.put("a.jpg", BEFORE)
    bucket.load()
    stamp = (bucket.folder / "a.jpg").stat().st_mtime_ns
    bucket.put("a.jpg", BEFORE if changed == "time" else AFTER)
    if changed == "size":
        os.utime(bucket.folder / "a.jpg", ns=(stamp, stamp))

    assert bucket.counts() == {"listed": 1, "skipped_changed": 1}


def test_an_object_that_could_not_be_read_is_read_once_it_was_mended(bucket: Bucket) -> None:
    bucket.put("a.jpg", BEFORE[:500])
    assert bucket.counts()["failed"] == 1
    bucket.put("a.jpg", BEFORE)

    assert bucket.counts(on_changed="update") == {"listed": 1, "updated": 1, "measured": 1}
    [data] = bucket.hook.list_data()
    assert (data.upload_status, data.error_reason) == (UploadStatus.DONE, None)


def test_data_of_earlier_versions_are_told_by_their_size(bucket: Bucket, datalake_platform: PlatformServer) -> None:
    for name in ("same.jpg", "other.jpg"):
        bucket.put(name, BEFORE)
    bucket.load()
    with closing(sqlite3.connect(datalake_platform.home / "datalake.db", timeout=60)) as database, database:
        database.execute("UPDATE data SET etag = NULL WHERE object_name LIKE ?", (f"{bucket.folder.name}/%",))
    bucket.put("other.jpg", AFTER)

    assert bucket.counts() == {"listed": 2, "skipped_known": 1, "skipped_changed": 1}
    bucket.put("same.jpg", BEFORE)
    assert bucket.counts() == {"listed": 2, "skipped_changed": 2}


def test_a_platform_that_does_not_announce_it_takes_skip_alone(
    bucket: Bucket, datalake_platform: PlatformServer
) -> None:
    bucket.put("a.jpg", BEFORE)
    datalake_platform.withhold("import-changed")
    try:
        for on_changed in ("update", "new"):
            with pytest.raises(UnsupportedError, match="on_changed"):
                bucket.load(tags=["never"], on_changed=on_changed)
            with pytest.raises(UnsupportedError, match="on_changed"):
                bucket.hook.import_cloud_objects(["a.jpg"], on_changed=on_changed)

        assert list(bucket.hook.list_data_tags()) == []
        assert bucket.counts(on_changed="skip") == {"listed": 1, "imported": 1, "measured": 1}
    finally:
        datalake_platform.withhold()


def test_another_word_is_refused(bucket: Bucket, datalake_platform: PlatformServer) -> None:
    with pytest.raises(ArgumentError, match="'skip', 'update' or 'new'"):
        bucket.load(on_changed="replace")

    api = Api(datalake_platform)
    for body in ({"prefixes": ["a"], "on_changed": "replace"}, {"objects": {"a.jpg": None}, "on_changed": 1}):
        assert api.call("POST", f"/api/datalake/{api.lake['id']}/objects", body).status_code == 400


@pytest.mark.timeout(900)
def test_an_update_goes_on_where_a_killed_server_left_it(tmp_path: Path) -> None:
    folder = tmp_path / "bucket"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.jpg").write_bytes(AFTER)
    with PlatformServer(home=tmp_path / "home", bucket=folder) as server, server.hook() as hook:
        hook.wait_for_job(hook.import_bucket_objects([""]), timeout=240)
        large = a_jpeg(900, 600)
        for number in range(30):
            (folder / f"{number:02}.jpg").write_bytes(large)
        (folder / "more.jpg").write_bytes(large)
        job = hook.import_bucket_objects([""], on_changed="update")
        Api(server).until(lambda: (hook.get_job(job.id).counts or {}).get("updated", 0) > 0)

        server.kill()
        server.start()

        ended = hook.wait_for_job(job, timeout=600)
        assert {name: count for name, count in (ended.counts or {}).items() if count} == {
            "listed": 31,
            "imported": 1,
            "updated": 30,
            "measured": 31,
        }
        found = hook.list_data()
        assert {(data.upload_status, data.width) for data in found} == {(UploadStatus.DONE, 900)}
        assert len(found) == 31
