"""Two servers that start on one home at the same moment: one serves, the other says so, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from datalake_ops.platform.bootstrap import prepare_home
from datalake_ops.platform.cli_options import TOKEN_VARIABLE
from datalake_ops.platform.objects.folder_store import object_path
from datalake_ops.platform.objects.signing import Signer
from datalake_ops.platform.settings import ServeOptions
from datalake_ops.testing import PlatformServer
from tests.platform.lakes import LakeApi
from tests.platform.soak.home import check_home, named_objects
from tests.platform.soak.kills import DEADLINE, KILLS


class Served(PlatformServer):
    """The server of two that got the home, as the tests call one; they end it themselves."""

    def __init__(self, home: Path, token: str, url: str) -> None:
        super().__init__(home=home, token=token)
        self.url = url


@contextmanager
def two_servers(home: Path, token: str) -> Iterator[tuple[Served, str]]:
    """Start two at once; gives the one that serves, which is killed at the end, and the words of the other."""
    command = [sys.executable, "-m", "datalake_ops.platform", "--home", str(home), "--port", "0", "--enable-admin"]
    environment = {**os.environ, TOKEN_VARIABLE: token}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        deadline = time.monotonic() + DEADLINE
        while not (gone := [one for one in both if one.poll() is not None]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (refused,) = gone
        (serving,) = (one for one in both if one is not refused)
        words = refused.communicate(timeout=DEADLINE)[1]
        assert refused.returncode == 1, words
        yield Served(home, token, until_ready(home, serving)), words
    finally:
        for one in both:
            one.kill()
            one.communicate()


def until_ready(home: Path, serving: subprocess.Popen[str]) -> str:
    """Address of a server once its note says that it is ready."""
    note, deadline = home / "server.json", time.monotonic() + DEADLINE
    while True:
        assert time.monotonic() < deadline
        assert serving.poll() is None
        if note.exists() and (found := json.loads(note.read_text()))["pid"] == serving.pid:
            return str(found["url"])
        time.sleep(0.01)


@pytest.mark.timeout(300 + 30 * KILLS)
def test_of_two_servers_that_start_at_once_one_serves(tmp_path: Path) -> None:
    for turn in range(KILLS):
        home = tmp_path / f"home-{turn}"
        home.mkdir(mode=0o700)

        with two_servers(home, "dlo_token") as (server, words):
            data = LakeApi(server).a_data()

        signed = dict(parse_qsl(urlsplit(data["presigned_url"]).query))
        # With the secret that the next server will read.
        grant = Signer((home / "secret").read_bytes()).read_query(signed, "GET", time.time())
        check_home(home)
        assert "already serves" in words
        assert "Traceback" not in words
        assert named_objects(home) == {object_path(home / "objects", grant.connector, data["object_name"])}


def test_starts_at_the_same_moment_agree_on_the_secret(tmp_path: Path) -> None:
    for turn in range(20):
        options = ServeOptions(home=tmp_path / str(turn))

        with ThreadPoolExecutor(8) as threads:
            secrets = {one.secret for one in threads.map(prepare_home, [options] * 8)}

        assert len(secrets) == 1
        assert secrets == {(options.home / "secret").read_bytes()}
        assert [path.name for path in options.home.glob("secret*")] == ["secret"]
