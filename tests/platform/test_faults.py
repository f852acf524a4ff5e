"""Failure on request: answers, delays, cut connections; and the journal that tells what was called."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.error import HTTPError

import pytest
import requests

from datalake_ops.testing import PlatformServer
from tests.platform.lakes import LakeApi


@pytest.fixture
def server(datalake_platform: PlatformServer) -> Iterator[PlatformServer]:
    yield datalake_platform
    datalake_platform.clear_faults()


def test_a_scripted_status_is_answered_instead_of_the_work(server: PlatformServer, lake: LakeApi) -> None:
    fault = server.script_fault("POST", "/tags$", status=503, retry_after=1.5)

    answer = lake.call("POST", f"{lake.path}/tags", {"name": "one"})

    assert lake.message(answer, 503)
    assert answer.headers["Retry-After"] == "1.5"
    assert server.faults_met(fault) == 1
    assert lake.json("GET", f"{lake.path}/tags")["items"] == []
    assert lake.call("POST", f"{lake.path}/tags", {"name": "one"}).status_code == 201


def test_a_fault_waits_and_ends_as_it_was_asked(server: PlatformServer, lake: LakeApi) -> None:
    server.script_fault("*", f"{lake.path}/tags", status=429, after=1, count=2)

    statuses = [lake.call("GET", f"{lake.path}/tags").status_code for _ in range(4)]

    assert statuses == [200, 429, 429, 200]
    assert server.faults_met() == 2


def test_a_dropped_answer_leaves_the_work_done(server: PlatformServer, lake: LakeApi) -> None:
    server.script_fault("POST", "/tags$", drop=True)

    with pytest.raises(requests.ConnectionError):
        lake.call("POST", f"{lake.path}/tags", {"name": "done"})

    assert [tag["name"] for tag in lake.json("GET", f"{lake.path}/tags")["items"]] == ["done"]
    assert server.faults_met() == 1


def test_a_connection_cut_before_leaves_nothing_done(server: PlatformServer, lake: LakeApi) -> None:
    server.script_fault("POST", "/tags$", drop_before=True)

    with pytest.raises(requests.ConnectionError):
        lake.call("POST", f"{lake.path}/tags", {"name": "never"})

    assert lake.json("GET", f"{lake.path}/tags")["items"] == []


def test_a_delayed_answer_comes_late_but_right(server: PlatformServer, lake: LakeApi) -> None:
    server.script_fault("GET", "/tags$", delay=0.3)
    started = time.monotonic()

    assert lake.json("GET", f"{lake.path}/tags")["items"] == []

    assert time.monotonic() - started >= 0.3


def test_the_journal_tells_what_was_called_without_the_token(server: PlatformServer, lake: LakeApi) -> None:
    server.clear_requests()

    lake.call("POST", f"{lake.path}/tags?x=1", {"name": "one"})
    lake.call("GET", "/api/nothing")

    tags, nothing = server.requests()
    assert (tags["method"], tags["path"], tags["query"]) == ("POST", f"{lake.path}/tags", "x=1")
    assert (tags["body"], tags["status"], nothing["status"]) == ({"name": "one"}, 201, 404)
    assert server.token not in str([tags, nothing])


@pytest.mark.parametrize("rule", [{"path": "("}, {"path": "x", "status": 200}, {"path": "x", "count": 0}, {}])
def test_a_rule_that_makes_no_sense_is_refused(server: PlatformServer, rule: dict[str, object]) -> None:
    with pytest.raises(HTTPError) as caught:
        server.admin("POST", "/_admin/faults", rule)

    assert caught.value.code == 400
    caught.value.close()
