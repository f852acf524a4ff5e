"""What `serve --fsync` answers is on the disk before it is answered, as the operating system sees it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.images import a_jpeg
from tests.platform.lakes import LakeApi
from tests.platform.storage import MultipartUpload

if sys.platform != "linux" or (shutil.which("strace") is None and not os.environ.get("CI")):
    pytest.skip("needs strace: apt-get install strace", allow_module_level=True)

CALLS = "fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg,write,writev"


@contextmanager
def traced(server: PlatformServer, trace: Path) -> Iterator[None]:
    """Write down what the server's threads ask of the operating system, in its order, with the paths of descriptors."""
    command = ["strace", "-f", "-y", "-qq", "-s", "12", "-e", f"trace={CALLS}", "-o", str(trace), "-p", str(server.pid)]
    tracer = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 120
        while not _is_traced(server.pid):
            assert tracer.poll() is None, "strace could not attach"
            assert time.monotonic() < deadline, "strace did not attach"
            time.sleep(0.05)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(60)


def _is_traced(pid: int) -> bool:
    states = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return all(not re.search(r"^TracerPid:\t0$", state, re.MULTILINE) for state in states)


def events(trace: Path, home: Path) -> list[str]:
    """Words for the calls that matter, in their order."""
    known = [
        (r"fsync\(\d+<[^>]*/objects/staging/", "file synced"),
        (r"rename\w*\(.*objects/staging/", "renamed"),
        (rf"fsync\(\d+<{re.escape(str(home))}/objects(/[^/>]*)*>\)", "names synced"),
        (r"f(data)?sync\(\d+<[^>]*datalake\.db-wal>", "database synced"),
        (r'(sendto|sendmsg|write|writev)\(\d+<(socket|TCP)[^>]*>, .*"HTTP/1\.1 2', "answered"),
    ]
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        # A call that another thread's interrupts is written at its begin and at its end; its end is what counts.
        word = next((word for pattern, word in known if re.search(pattern, line)), None)
        if word is not None:
            found.append(word)
    return found


def in_order(found: list[str], *words: str) -> bool:
    """True if the words stand in this order, others between them."""
    rest = iter(found)
    return all(word in rest for word in words)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformServer]:
    with PlatformServer(tmp_path_factory.mktemp("home").resolve(), arguments=["--fsync"]) as running:
        yield running


def test_bytes_and_their_name_are_on_the_disk_before_an_upload_is_answered(
    server: PlatformServer, tmp_path: Path
) -> None:
    api, trace = Api(server), tmp_path / "trace"
    name = api.object_name()
    form = api.form(name)

    with traced(server, trace):
        assert api.send_form(form, a_jpeg(), "image/jpeg").status_code == 204

    assert in_order(events(trace, server.home), "file synced", "renamed", "names synced", "answered")


def test_a_registration_is_on_the_disk_before_it_is_answered(server: PlatformServer, tmp_path: Path) -> None:
    api, trace = LakeApi(server), tmp_path / "trace"
    name = api.upload(a_jpeg())
    body = {"type": "IMAGE", "object_name": name, "filename": "a.jpg", "content_type": "image/jpeg", "tags": []}

    with traced(server, trace):
        assert api.call("POST", f"{api.path}/datas", body).ok

    assert in_order(events(trace, server.home), "database synced", "answered")


def test_parts_are_on_the_disk_before_they_are_answered(server: PlatformServer, tmp_path: Path) -> None:
    api, trace = Api(server), tmp_path / "trace"
    upload = MultipartUpload(api)

    with traced(server, trace):
        upload.put(1, b"x" * 100_000)

    assert in_order(events(trace, server.home), "file synced", "renamed", "names synced", "answered")


def test_without_the_option_nothing_waits_for_the_disk(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with PlatformServer(tmp_path / "home") as server:
        api = Api(server)
        form = api.form(api.object_name())
        with traced(server, trace):
            assert api.send_form(form, a_jpeg(), "image/jpeg").status_code == 204

        found = events(trace, server.home.resolve())
    assert "renamed" in found
    assert not {"file synced", "names synced", "database synced"} & set(found)
