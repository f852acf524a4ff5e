"""The server as a process: one per folder, everything still there after it died."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import trustme

from datalake_ops.platform.bootstrap import prepare_home
from datalake_ops.platform.cli_options import add_serve_arguments, options_from
from datalake_ops.platform.settings import ServeOptions
from datalake_ops.platform.store.database import Database
from datalake_ops.testing import PlatformServer
from tests.platform.lakes import SMALL_JPEG, LakeApi

_PING, _FAULTS = "/api/home/ping", "/_admin/faults"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformServer]:
    """A server as a user starts one, without the admin routes."""
    with PlatformServer(home=tmp_path_factory.mktemp("plain") / "home", admin=False) as running:
        yield running


def run(*arguments: object, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Runs `python -m datalake_ops.platform` to its end."""
    command = [sys.executable, "-m", "datalake_ops.platform", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def everything(lake: LakeApi) -> dict[str, Any]:
    """What a lake tells of itself, without the addresses, whose signatures change."""
    page = lake.page()
    for item in page["items"]:
        item.pop("presigned_url")
    schema = lake.json("GET", f"{lake.path}/custom-metadata")
    return {"page": page, "schema": schema, "lake": lake.lake, "organization": lake.organization}


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_everything_is_there_again_after_the_server_ended(tmp_path: Path, end: str) -> None:
    with PlatformServer(home=tmp_path / "home") as server:
        lake = LakeApi(server)
        front = lake.a_tag("front")
        data = lake.a_data(tags=[front], metadata={"weather": "sun"}, custom_metadata={"k": 1})
        lake.json("POST", f"{lake.path}/custom-metadata/keys/k", {"input_type": "INTEGER", "required": False})
        before, port = everything(lake), urlsplit(server.url).port
        # The last answers come right before the end: what was answered is committed.
        answered = [front, *(lake.a_tag(f"tag {number}") for number in range(40))]

        getattr(server, end)()
        server.start()

        assert urlsplit(server.url).port == port
        again = LakeApi(server)
        assert everything(again) == before
        assert [tag["id"] for tag in again.json("GET", f"{lake.path}/tags")["items"]] == answered
        assert again.storage("GET", data["presigned_url"]).content == SMALL_JPEG


def test_a_second_server_on_the_same_folder_is_refused(plain: PlatformServer) -> None:
    second = run("--home", plain.home, "--port", 0)

    assert second.returncode == 1
    assert str(plain.pid) in second.stderr
    assert "already serves" in second.stderr
    assert "Traceback" not in second.stderr
    assert requests.get(f"{plain.url}/health", timeout=60).ok


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        answer = run("--home", tmp_path / "home", "--port", port)

    assert answer.returncode == 1
    assert str(port) in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_home_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    answer = run("--home", tmp_path / "file", "--port", 0)

    assert answer.returncode == 1
    assert str(tmp_path / "file") in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    settings = prepare_home(ServeOptions(home=tmp_path / "home"))
    Database(settings.database).close()
    with sqlite3.connect(settings.database) as database:
        database.execute("UPDATE installation SET value = '999' WHERE name = 'schema_version'")
    database.close()

    answer = run("--home", tmp_path / "home", "--port", 0)

    assert answer.returncode == 1
    assert "999" in answer.stderr
    assert "Upgrade" in answer.stderr


def test_no_token_is_on_the_command_line(plain: PlatformServer) -> None:
    words = Path(f"/proc/{plain.pid}/cmdline").read_bytes()

    assert b"datalake_ops.platform" in words
    assert plain.token.encode() not in words


class TestAddressInPlaceOfAFolder:
    @pytest.mark.parametrize("option", ["--bucket", "--home"])
    @pytest.mark.parametrize("address", ["s3://key:hidden@name/a", "gs://name", "az://name", "S3:/name", " file:///a"])
    def test_it_is_refused_with_words_and_not_repeated(
        self, option: str, address: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as exit_of:
            serve_options(option, address)

        words = capsys.readouterr().err
        assert exit_of.value.code == 2
        assert f"argument {option}: the platform keeps objects in folders" in words
        assert "hidden" not in words

    @pytest.mark.parametrize("blank", ["", " "])
    def test_a_blank_is_no_folder_either(self, blank: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            serve_options("--bucket", blank)

        assert "give the path of a folder" in capsys.readouterr().err

    @pytest.mark.parametrize("path", ["bucket", "./s3:/name", "/mnt/a:/b", "night:7/photos", "C:/photos"])
    def test_a_folder_with_a_colon_in_its_path_is_served(self, path: str) -> None:
        assert serve_options("--bucket", path).bucket == Path(path)

    def test_nothing_is_made_of_it(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "datalake_ops.platform", "--home", "home", "--bucket", "s3://name/a"]
        answer = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)

        assert answer.returncode == 2
        assert list(tmp_path.iterdir()) == []


def serve_options(*words: str) -> ServeOptions:
    parser = argparse.ArgumentParser()
    add_serve_arguments(parser)
    return options_from(parser.parse_args(words))


class TestTokenFile:
    def test_holds_the_admins_token(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("dlo_from_a_file\n")

        with PlatformServer(arguments=["--token-file", str(tmp_path / "token")]) as server:
            headers = {"Authorization": "Bearer dlo_from_a_file"}
            answers = [requests.get(f"{server.url}{path}", headers=headers, timeout=60) for path in (_PING, _FAULTS)]

        assert [answer.status_code for answer in answers] == [200, 200]

    def test_is_named_when_it_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "empty").write_text("\n")

        missing = run("--home", tmp_path / "home", "--token-file", tmp_path / "missing")
        empty = run("--home", tmp_path / "home", "--token-file", tmp_path / "empty")

        assert (missing.returncode, empty.returncode) == (2, 2)
        assert "missing cannot be read" in missing.stderr
        assert "empty is empty" in empty.stderr


class TestTls:
    def test_is_served_with_a_certificate_and_its_key(self, tmp_path: Path) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        issued.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
        issued.private_key_pem.write_to_path(tmp_path / "key.pem")
        files = ["--tls-certificate", str(tmp_path / "chain.pem"), "--tls-key", str(tmp_path / "key.pem")]

        with PlatformServer(arguments=files) as server, server.hook(verify=str(tmp_path / "ca.pem")) as hook:
            (tmp_path / "photo.jpg").write_bytes(SMALL_JPEG)
            data = hook.upload_data(str(tmp_path / "photo.jpg"))

            assert server.url.startswith("https://127.0.0.1:")
            assert str(data.presigned_url).startswith(server.url)
            assert requests.get(str(data.presigned_url), verify=str(tmp_path / "ca.pem"), timeout=60).ok

    def test_needs_both_files(self, tmp_path: Path) -> None:
        (tmp_path / "chain.pem").write_text("none")

        one = run("--home", tmp_path / "home", "--tls-certificate", tmp_path / "chain.pem")
        bad = run(
            "--home", tmp_path / "home", "--tls-certificate", tmp_path / "chain.pem", "--tls-key", tmp_path / "no"
        )

        assert (one.returncode, bad.returncode) == (1, 1)
        assert "--tls-key" in one.stderr
        assert "no certificate and key" in bad.stderr
        assert "Traceback" not in one.stderr + bad.stderr


def test_the_first_start_prints_a_token_once(tmp_path: Path) -> None:
    home = tmp_path / "home"

    with started(home) as (first, _):
        token = token_in(first)
    with started(home) as (second, url):
        ping = requests.get(f"{url}/api/home/ping", headers={"Authorization": f"Bearer {token}"}, timeout=60)

    assert token is not None
    assert f'api_token="{token}"' in first
    assert str(home) in first
    assert token_in(second) is None
    assert "<your token>" in second
    assert ping.ok


@contextmanager
def started(home: Path) -> Iterator[tuple[str, str]]:
    """A server without a token option: what it prints until it is ready, and its address."""
    command = [sys.executable, "-m", "datalake_ops.platform", "--home", str(home), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines: list[str] = []
            while not any(line.startswith("hook = ") for line in lines):
                line = process.stdout.readline()
                assert line, "the server ended before it was ready"
                lines.append(line)
            yield "".join(lines), json.loads((home / "server.json").read_text())["url"]
        finally:
            process.terminate()
        assert process.wait(120) == 0


def token_in(output: str) -> str | None:
    found = re.search(r"dlo_[\w-]+", output)
    return found.group() if found else None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with PlatformServer(home=tmp_path / "home") as server:
        requests.get(f"{server.url}/health", timeout=60)
        os.kill(server.pid, number)
        deadline = time.monotonic() + 120
        while (tmp_path / "home" / "server.json").exists():
            assert time.monotonic() < deadline, "server.json is still there"
            time.sleep(0.02)

        with pytest.raises(requests.ConnectionError):
            requests.get(f"{server.url}/health", timeout=60)


def test_the_folder_is_its_owners_alone(plain: PlatformServer) -> None:
    note = json.loads((plain.home / "server.json").read_text())

    assert note == {"url": plain.url, "pid": plain.pid}
    assert stat.S_IMODE((plain.home / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(plain.home.stat().st_mode) == 0o700
    assert len((plain.home / "secret").read_bytes()) == 32
    assert sorted(path.name for path in plain.home.iterdir() if path.is_dir()) == ["bucket", "jobs", "objects"]


def test_xget_passes_the_real_server(datalake_platform: PlatformServer, lake: LakeApi) -> None:
    lake.a_data("one.jpg")
    body = json.dumps({"filenames": ["one.jpg"], "upload_statuses": ["DONE"], "types": ["IMAGE"]}).encode()
    where = urlsplit(datalake_platform.url)
    request = (
        f"XGET {lake.path}/datas HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {lake.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()

    with socket.create_connection((where.hostname or "", where.port or 0), timeout=30) as connection:
        connection.sendall(request + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert [item["filename"] for item in json.loads(content)["items"]] == ["one.jpg"]


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_defect(tmp_path: Path) -> None:
    with PlatformServer(home=tmp_path / "home") as server:
        lake, where = LakeApi(server), urlsplit(server.url)
        head = f"POST {lake.path}/datas HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lake.token}\r\n"
        with socket.create_connection((where.hostname or "", where.port or 0), timeout=30) as connection:
            connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())

        server.stop()

        assert "Traceback" not in server.log


def test_small_answers_are_sent_at_once(datalake_platform: PlatformServer) -> None:
    def twenty(session: requests.Session) -> list[float]:
        times = []
        for _ in range(20):
            started = time.perf_counter()
            session.get(f"{datalake_platform.url}/health", timeout=60)
            times.append(time.perf_counter() - started)
        return sorted(times)

    deadline = time.monotonic() + 60
    with requests.Session() as session:
        # Nagle's algorithm against delayed acknowledgements costs 40 ms for every one, a busy machine for some.
        while (times := twenty(session))[5] >= 0.03:
            assert time.monotonic() < deadline, times


def test_health_and_pages_need_no_token_and_no_other_address(datalake_platform: PlatformServer) -> None:
    def get(path: str) -> requests.Response:
        return requests.get(datalake_platform.url + path, timeout=30)

    assert get("/health").json() == {"status": "ok"}
    assert get("/docs").headers["Content-Type"].startswith("text/html")
    assert "http://" not in get("/docs").text
    assert "https://" not in get("/docs").text
    document = get("/openapi.json").json()
    assert "xget" not in document["paths"]["/api/datalake/{datalake}/datas"]
    assert document["paths"]["/api/datalake/{datalake}/datas"]["post"]["requestBody"]


def test_a_ping_announces_the_extensions(lake: LakeApi) -> None:
    ping = lake.json("GET", "/api/home/ping")

    assert ping["default_organization"] == lake.organization
    assert {"job-kill", "job-labels", "job-logs", "job-batch", "object-stat"} < set(ping["extensions"])
    assert {"idempotency-key", "multipart-parts", "changes"} <= set(ping["extensions"])


def test_admin_routes_exist_only_when_they_are_enabled(plain: PlatformServer) -> None:
    answer = requests.get(
        f"{plain.url}/_admin/requests", headers={"Authorization": f"Bearer {plain.token}"}, timeout=60
    )

    assert answer.status_code == 404
