"""A full disk: words in place of failures, deletes that free it, starts that say so, clients that do not insist."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.images import a_jpeg
from tests.platform.job_lab import Lab, program_arguments
from tests.platform.small_disk import DISK_MIB, MIB, a_home_on_a_small_disk, fill
from tests.platform.storage import MultipartUpload


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformServer]:
    """A platform whose files cannot grow beyond 1 MiB: what a full disk is to an upload, without a disk to fill."""
    with PlatformServer(home=tmp_path_factory.mktemp("limited")) as server:
        Api(server)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (MIB, resource.RLIM_INFINITY))
        yield server


class TestUpload:
    def test_what_has_no_room_is_refused_with_words_and_leaves_nothing(self, limited: PlatformServer) -> None:
        api = Api(limited)
        name = api.object_name("large.jpg")

        answer = api.send_form(api.form(name), bytes(2 * MIB))

        assert answer.status_code == 507
        assert answer.json()["message"].startswith("Storage full")
        assert api.stat(name).status_code == 404
        assert not list((limited.home / "objects" / "staging").iterdir())

    def test_so_is_a_part_of_a_large_file(self, limited: PlatformServer) -> None:
        api = Api(limited)
        upload = MultipartUpload(api)

        answer = api.storage("PUT", upload.part_address(1), data=bytes(2 * MIB))

        assert answer.status_code == 507

    def test_the_report_of_an_upload_says_so_and_nothing_is_sent_again(
        self, limited: PlatformServer, tmp_path: Path
    ) -> None:
        large = tmp_path / "large.jpg"
        large.write_bytes(a_jpeg() + bytes(2 * MIB))

        with limited.hook() as hook:
            report = hook.upload([large])

        [row] = report.files
        assert "Storage full" in str(row.error)
        assert row.attempts == 1


@dataclass
class FullDisk:
    """A platform on a small disk that was filled while a job ran."""

    lab: Lab
    server: PlatformServer
    data: list[str]
    running: dict[str, Any]

    def fill(self) -> None:
        """Take what is left of the disk, as another program would."""
        fill(self.server.home / "another")

    def free(self) -> None:
        """Give it back."""
        (self.server.home / "another").unlink()

    def register(self, content: bytes) -> int:
        """Status of the first refused step of an upload and its registration, 200 when all were accepted."""
        name = self.lab.api.object_name("photo.jpg")
        stored = self.lab.api.send_form(self.lab.api.form(name), content)
        if stored.status_code != 204:
            return stored.status_code
        body = {"type": "IMAGE", "filename": "a.jpg", "object_name": name, "content_type": "image/jpeg", "tags": []}
        answer = self.lab.api.call("POST", f"/api/datalake/{self.lab.api.lake['id']}/datas", body)
        if answer.ok:
            self.data.append(str(answer.json()["id"]))
        return 200 if answer.ok else answer.status_code

    def add_tag(self) -> requests.Response:
        """Response to a small write."""
        path = f"/api/datalake/{self.lab.api.lake['id']}/tags"
        return self.lab.api.call("POST", path, {"name": f"{uuid4()}{'x' * 200}"})


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullDisk]:
    """Needs the right to mount a disk."""
    folder = tmp_path_factory.mktemp("full")
    with a_home_on_a_small_disk(folder) as home, PlatformServer(home, arguments=program_arguments(folder)) as server:
        lab = Lab(server)
        running = lab.launch(parameters={"wait_for": str(folder / "never")})
        lab.until_line(running, "environment")
        full = FullDisk(lab, server, [], running)
        large = a_jpeg() + bytes(4 * MIB)
        while (status := full.register(large)) == 200:
            assert len(full.data) < DISK_MIB
        assert status == 507
        yield full
        lab.kill(running)


def test_a_full_disk_refuses_what_stores_and_takes_what_frees(full: FullDisk) -> None:
    lab = full.lab
    full.fill()
    path = f"/api/data/{full.data.pop()}"
    # The database may have some room left in its own files.
    lab.api.until(lambda: full.add_tag().status_code == 507)

    assert full.add_tag().json()["message"].startswith("Storage full")
    assert lab.ask().status_code == 507
    assert lab.api.call("GET", path).ok
    assert lab.kill(full.running)["status"] == "KILLED"
    assert lab.api.call("DELETE", path).ok

    assert lab.api.call("GET", path).status_code == 404
    full.free()
    lab.api.until(lambda: full.add_tag().ok)


def test_a_start_on_a_full_disk_says_so_and_deletes_free_it(full: FullDisk) -> None:
    full.fill()
    full.server.stop()
    full.server.start()
    full.lab.api = api = Api(full.server)

    assert "is full:" in full.server.log
    assert full.add_tag().status_code == 507
    assert api.call("DELETE", f"/api/data/{full.data.pop()}").ok
    full.free()
    api.until(lambda: full.add_tag().ok)
    assert full.register(a_jpeg()) == 200


def test_a_start_that_is_impossible_names_the_disk(full: FullDisk) -> None:
    full.server.stop()
    (full.server.home / "reserve").unlink()
    full.fill()

    with pytest.raises(RuntimeError, match=r"The disk of .* is full: 0.0 MiB are free"):
        full.server.start()

    assert "Traceback" not in full.server.log.rpartition("is full")[0]
    full.free()
    full.server.start()
