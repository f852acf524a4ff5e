"""A hook and its connection: the connection test, wrong credentials, absent hosts, copies."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

import pytest

from datalake_ops import DatalakeHook, RetryPolicy
from datalake_ops.errors import (
    NetworkError,
    UnauthorizedError,
)
from datalake_ops.testing import PlatformServer

QUICK = RetryPolicy(attempts=4, first_delay=0.01, longest_delay=0.05)


@pytest.mark.parametrize(
    ("change", "stopped_at"),
    [
        ({"host": "http://127.0.0.1:9"}, "Address"),
        ({"api_token": "wrong"}, "Token"),
        ({"organization_id": str(uuid4())}, "Organization"),
        ({"organization_name": "nobody"}, "Organization"),
        ({"datalake_id": str(uuid4())}, "Lake"),
        ({"datalake_name": "puddle"}, "Lake"),
    ],
    ids=str,
)
def test_the_connection_test_names_where_it_stops(
    datalake_platform: PlatformServer, change: dict[str, str], stopped_at: str
) -> None:
    good, message = datalake_platform.hook(retry=QUICK, **change).test_connection()

    assert not good
    assert message.startswith(stopped_at)


def test_the_connection_test_tells_what_it_reached_and_leaves_nothing_behind(
    hook: DatalakeHook, datalake_platform: PlatformServer
) -> None:
    before = sorted(path for path in datalake_platform.home.rglob("*") if path.suffix not in (".log", ".db-wal"))
    good, message = hook.test_connection()

    lake = hook.context.datalake.name
    assert (good, "\n" in message) == (True, False)
    assert f"lake {lake!r}, storage {datalake_platform.url.removeprefix('http://')}." in message
    assert hook.count_data() == 0
    assert (
        sorted(path for path in datalake_platform.home.rglob("*") if path.suffix not in (".log", ".db-wal")) == before
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "starts"),
    [
        ("POST", "presigned_url|object-name|object_name", 503, "Storage: "),
        ("GET", "/datalake$", 403, "Lake: "),
        ("GET", "/home/ping", 503, "Token: "),
    ],
)
def test_the_connection_test_names_the_step_that_fails(
    hook: DatalakeHook, datalake_platform: PlatformServer, method: str, path: str, status: int, starts: str
) -> None:
    datalake_platform.script_fault(method, path, status=status, count=20)

    good, message = hook.test_connection()

    assert not good
    assert message.startswith(starts)


def test_a_token_that_may_only_read_passes_the_connection_test(
    hook: DatalakeHook, datalake_platform: PlatformServer
) -> None:
    datalake_platform.script_fault("POST", "/object", status=403, count=2)

    assert hook.test_connection()[0]
    assert "may read but not upload" in hook.test_connection()[1]


def test_a_storage_that_cannot_be_reached_is_named_without_its_secrets(
    hook: DatalakeHook,
) -> None:
    with pytest.raises(NetworkError, match=r"^127\.0\.0\.1:9 cannot be reached") as caught:
        hook.reach("http://127.0.0.1:9/bucket?signature=secret")

    assert "secret" not in str(caught.value)


def test_a_ca_bundle_that_is_not_there_stops_at_tls(datalake_platform: PlatformServer, tmp_path: Path) -> None:
    good, message = datalake_platform.hook(verify=str(tmp_path / "missing.pem")).test_connection()

    assert not good
    assert message.startswith("TLS: verify names")


def test_files_travel_as_the_connection_says_when_the_call_does_not(
    datalake_platform: PlatformServer, photo: Path
) -> None:
    seconds = {}
    for workers in (1, 4):
        datalake_platform.script_fault("POST", "/datas$", delay=2, count=4)
        with datalake_platform.hook(max_workers=workers) as hook:
            started_at = time.monotonic()
            assert hook.upload([photo] * 4).counts()["UPLOADED"] == 4
            seconds[workers] = time.monotonic() - started_at

    # One at a time, four delays add up; what else an upload takes is in both.
    assert seconds[1] >= 8
    assert seconds[1] - seconds[4] > 2


def test_a_wrong_token_is_told_as_such(datalake_platform: PlatformServer) -> None:
    with pytest.raises(UnauthorizedError, match="token"):
        datalake_platform.hook(api_token="wrong").list_data()


def test_a_host_that_is_down_is_told_as_such() -> None:
    with pytest.raises(NetworkError, match="Check the host"):
        DatalakeHook(host="http://127.0.0.1:9", api_token="t", retry=QUICK).list_data()


def test_a_closed_hook_opens_again_when_it_is_used(hook: DatalakeHook) -> None:
    with hook:
        hook.test_connection()

    assert hook.list_data_tags() == []
