"""`datalake-ops admin`: tokens, organizations, backups, snapshots and resets of homes, most of them served."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from datalake_ops.cli import main
from datalake_ops.testing import PlatformServer
from tests.platform.images import a_jpeg
from tests.platform.job_lab import Lab, program_arguments
from tests.platform.lakes import LakeApi

Admin = Callable[..., Any]


@pytest.fixture
def admin(capsys: pytest.CaptureFixture[str]) -> Admin:
    """Runs a command on a home that must succeed, and returns its JSON."""

    def run(home: Path, *words: str) -> Any:
        capsys.readouterr()
        code = main(["admin", *words, "--home", str(home), "--json"])
        said = capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out)

    return run


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command on a home that must fail with one line, and returns it."""

    def run(home: Path, *words: str) -> str:
        capsys.readouterr()
        assert main(["admin", *words, "--home", str(home)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("datalake-ops: ")
        assert said.count("\n") == 1
        return said

    return run


def ping(server: PlatformServer, token: str, path: str = "/api/home/ping") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{server.url}{path}", headers=headers, timeout=60)


def test_an_address_opens_the_console_of_a_running_server_once(
    datalake_platform: PlatformServer, admin: Admin, refusal: Callable[..., str], tmp_path: Path
) -> None:
    address = admin(datalake_platform.home, "console")["address"]

    opened = [requests.Session().get(address, timeout=60) for _ in range(2)]

    assert [answer.status_code for answer in opened] == [200, 403]
    assert "Lakes" in opened[0].text
    assert "No server runs" in refusal(tmp_path, "console")


class TestTokens:
    def test_is_created_listed_and_revoked_beside_the_server(
        self, datalake_platform: PlatformServer, lake: LakeApi, admin: Admin
    ) -> None:
        home, name = datalake_platform.home, f"ci-{uuid4().hex[:8]}"

        made = admin(home, "token", "create", "--name", name, "--expires", "90d")
        first = ping(datalake_platform, made["token"]).status_code
        (listed,) = [token for token in admin(home, "token", "list") if token["name"] == name]
        revoked = admin(home, "token", "revoke", made["id"][:10])

        assert first == 200
        assert (listed["id"], listed["role"], listed["organization"]) == (made["id"], "user", "local")
        assert listed["expires_at"] > listed["created_at"]
        assert revoked == {"id": made["id"]}
        lake.until(lambda: ping(datalake_platform, made["token"]).status_code == 401, 60)

    def test_is_refused_once_it_expired(self, datalake_platform: PlatformServer, admin: Admin) -> None:
        made = admin(datalake_platform.home, "token", "create", "--expires", "2020-01-31")

        answer = ping(datalake_platform, made["token"])

        assert answer.status_code == 401
        assert "expired at 2020-01-31" in answer.json()["message"]

    def test_of_an_admin_has_the_admin_routes(self, datalake_platform: PlatformServer, admin: Admin) -> None:
        statuses = []
        for words in ((), ("--admin",)):
            token = admin(datalake_platform.home, "token", "create", *words)["token"]
            headers = {"Authorization": f"Bearer {token}"}
            statuses.append(
                requests.get(f"{datalake_platform.url}/_admin/faults", headers=headers, timeout=60).status_code
            )

        assert statuses == [403, 200]

    def test_tells_when_it_was_used_last(self, tmp_path: Path, admin: Admin) -> None:
        with PlatformServer(tmp_path / "home") as server:
            unused, used = (admin(server.home, "token", "create", "--name", name)["id"] for name in ("unused", "used"))
            again = admin(server.home, "token", "create")
            assert ping(server, again["token"]).status_code == 200

        last = {token["id"]: token["last_used_at"] for token in admin(server.home, "token", "list")}

        assert last[again["id"]] is not None
        assert last[unused] is last[used] is None

    def test_of_no_known_id_or_organization_is_an_error(
        self, datalake_platform: PlatformServer, refusal: Callable[..., str]
    ) -> None:
        assert "No token has the id 'zzz'" in refusal(datalake_platform.home, "token", "revoke", "zzz")
        assert "'nobody'" in refusal(datalake_platform.home, "token", "create", "--organization", "nobody")


class TestOrganizations:
    def test_is_created_beside_the_server(
        self, datalake_platform: PlatformServer, admin: Admin, refusal: Callable[..., str]
    ) -> None:
        home, name = datalake_platform.home, f"team-{uuid4().hex[:8]}"

        made = admin(home, "organization", "create", name)
        theirs = LakeApi(datalake_platform, made["token"])
        theirs.a_data()

        assert theirs.lake["id"] == made["datalake_id"]
        assert theirs.json("GET", f"/api/organization/{made['id']}/processings")["count"] > 0
        (listed,) = [found for found in admin(home, "organization", "list") if found["name"] == name]
        assert (listed["id"], listed["lakes"], listed["data"]) == (made["id"], 1, 1)
        assert "exists already" in refusal(home, "organization", "create", name)


class TestBackups:
    def test_is_consistent_while_data_come_and_go(self, tmp_path: Path, admin: Admin) -> None:
        copy, stop, go = tmp_path / "copy", threading.Event(), tmp_path / "go"
        with PlatformServer(tmp_path / "home", arguments=program_arguments(tmp_path)) as server:
            lab, api = Lab(server), LakeApi(server)
            running = lab.launch(parameters={"wait_for": str(go)})
            lab.until_line(running, "environment")
            kept = [api.a_data(f"kept-{number}.jpg") for number in range(3)]
            (server.bucket / "imported.jpg").write_bytes(a_jpeg())
            job = api.json("POST", f"{api.path}/objects", {"prefixes": ["imported"]})["job"]
            assert api.ended(job)["status"] == "SUCCEEDED"
            worker = threading.Thread(target=_churn, args=(LakeApi(server), stop))
            worker.start()
            try:
                done = admin(server.home, "backup", str(tmp_path / "backup"))
            finally:
                stop.set()
                worker.join()
            restored = admin(copy, "restore", str(tmp_path / "backup"))

            with PlatformServer(copy, token=server.token) as again:
                its = LakeApi(again)
                found = its.all_data()
                statuses = {its.storage("GET", data["presigned_url"]).status_code for data in found}
                lost = its.ended(running)
            go.touch()
            ended = api.ended(running)

        assert restored == done
        assert {data["filename"] for data in kept} | {"imported.jpg"} <= {data["filename"] for data in found}
        assert statuses == {200}
        # The copy has no hold on the program of the home that it was taken from.
        assert (lost["status"], ended["status"]) == ("FAILED", "SUCCEEDED")

    def test_goes_to_a_new_folder_outside_only(
        self, datalake_platform: PlatformServer, tmp_path: Path, refusal: Callable[..., str]
    ) -> None:
        home = datalake_platform.home

        assert "exists already" in refusal(home, "backup", str(tmp_path))
        assert "in the home itself" in refusal(home, "backup", str(home / "backup"))
        assert "no home" in refusal(tmp_path, "backup", str(tmp_path / "backup"))
        assert "no whole backup" in refusal(tmp_path / "new", "restore", str(tmp_path))
        assert "no whole backup" in refusal(tmp_path / "new", "restore", str(home))


class TestSnapshots:
    def test_puts_an_earlier_state_back(self, tmp_path: Path, admin: Admin, refusal: Callable[..., str]) -> None:
        home = tmp_path / "home"
        with PlatformServer(home) as server:
            first = LakeApi(server).a_data("first.jpg")
            admin(home, "snapshot", "start")
            LakeApi(server).a_data("second.jpg")
            LakeApi(server).call("DELETE", f"/api/data/{first['id']}")
            assert "already serves" in refusal(home, "reset", "--to", "start", "--yes")
        assert "no whole backup" in refusal(home, "reset", "--to", "other", "--yes")

        admin(home, "reset", "--to", "start", "--yes")

        with PlatformServer(home, token=server.token) as again:
            (data,) = LakeApi(again).all_data()
            assert data["id"] == first["id"]
            assert LakeApi(again).storage("GET", data["presigned_url"]).status_code == 200
        assert [snapshot["name"] for snapshot in admin(home, "snapshot")] == ["start"]

    def test_a_reset_keeps_tokens_and_lakes(self, tmp_path: Path, admin: Admin) -> None:
        home = tmp_path / "home"
        with PlatformServer(home) as server:
            api = LakeApi(server)
            api.a_data(tags=[api.a_tag("old")])
            (server.bucket / "mine.jpg").write_bytes(a_jpeg())

        admin(home, "reset", "--yes")

        with PlatformServer(home, token=server.token) as again:
            empty = LakeApi(again)
            assert empty.lake == api.lake
            assert empty.page(limit=1)["count"] == 0
            assert empty.json("GET", f"{empty.path}/tags")["count"] == 0
            assert empty.a_data()["upload_status"] == "DONE"
        assert (server.bucket / "mine.jpg").exists()


def _churn(api: LakeApi, stop: threading.Event) -> None:
    """Registers data and deletes every second one until told to stop."""
    number = 0
    while not stop.is_set():
        data = api.a_data(f"churn-{number}.jpg")
        if number % 2:
            api.call("DELETE", f"/api/data/{data['id']}")
        number += 1
