"""Metrics and the access log of a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from datalake_ops.testing import PlatformServer
from tests.platform.lakes import LakeApi

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 127\.0\.0\.1 [A-Z]+ /[!-~]* \d{3} \d+ \d+\.\d")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "access.log"


@pytest.fixture(scope="module")
def server(logged: Path) -> Iterator[PlatformServer]:
    with PlatformServer(arguments=["--access-log", str(logged)]) as running:
        yield running


@pytest.fixture(scope="module")
def api(server: PlatformServer) -> LakeApi:
    return LakeApi(server)


def samples(api: LakeApi) -> dict[str, list[tuple[dict[str, str], float]]]:
    answer = api.call("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(found: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: Any) -> float:
    return sum(each for known, each in found[name] if labels.items() <= known.items())


def test_requests_are_counted_by_route_and_status(api: LakeApi) -> None:
    route = {"method": "POST", "route": "/api/datalake/{datalake}/tags"}
    before = samples(api)

    api.a_tag("counted")
    api.call("POST", f"{api.path}/tags", {"name": 1})
    after = samples(api)

    name = "datalake_http_requests_total"
    assert value(after, name, **route, status="201") - value(before, name, **route, status="201") == 1
    assert value(after, name, **route, status="400") - value(before, name, **route, status="400") == 1
    assert value(after, "datalake_http_request_duration_seconds_count", **route) >= 2
    assert value(after, "datalake_http_request_duration_seconds_sum", **route) > 0


def test_unknown_addresses_share_one_label(api: LakeApi) -> None:
    for number in range(3):
        api.call("GET", f"/unknown/{number}")
        api.call(f"ODD{number}", "/health")

    found = samples(api)["datalake_http_requests_total"]

    assert {labels["method"] for labels, _ in found} <= {"GET", "POST", "XGET", "other"}
    assert [each for labels, each in found if labels["route"] == "other" and labels["status"] == "404"] == [3]


def test_jobs_queue_and_disk_are_told(api: LakeApi) -> None:
    job = api.json("POST", f"{api.path}/objects", {"prefixes": ["none/"]})["job"]
    api.ended(job)

    found = samples(api)

    assert sum(each for labels, each in found["datalake_jobs"] if labels["kind"] == "IMPORT") == 1
    assert value(found, "datalake_queue_jobs") == 0 == value(found, "datalake_queue_oldest_seconds")
    assert (
        0
        < value(found, "datalake_disk_free_bytes", folder="home")
        <= value(found, "datalake_disk_size_bytes", folder="home")
    )
    assert value(found, "datalake_database_bytes") > 0
    assert value(found, "process_resident_memory_bytes") > 0


def test_metrics_are_told_to_admins_alone(api: LakeApi, server: PlatformServer) -> None:
    """They count the jobs of all organizations."""
    stranger = LakeApi(server, server.add_organization(f"stranger {uuid4()}")["token"])

    assert requests.get(f"{api.url}/metrics", timeout=60).status_code == 401
    assert stranger.call("GET", "/metrics").status_code == 403


def test_each_request_is_one_line_without_secrets(api: LakeApi, logged: Path) -> None:
    before = len(logged.read_text().splitlines())
    name = api.upload(b"x" * 10, "a line\nbreak.jpg")

    api.storage("GET", api.address(name))
    api.call("GET", "/api/a%0Aline%0D%E2%80%A8break?q=a%0Aquery")
    api.call("GET", f"{api.path}/datas?cursor=secret")

    expected = {
        ("POST", f"/api/object-storage/{api.connector}/retrieve_presigned_url", "200"),
        ("GET", "/storage/object", "200"),
        ("GET", "/api/a%0Aline%0D%E2%80%A8break", "404"),
        ("GET", f"{api.path}/datas", "400"),
    }
    # A line is written once its answer is sent, so the order of two may differ from their requests'.
    api.until(lambda: expected <= {tuple(line.split()[2:5]) for line in logged.read_text().splitlines()[before:]})
    lines = logged.read_text().splitlines()[before:]
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert "10" in [line.split()[5] for line in lines if "GET /storage/object 200" in line]
    assert not any(secret in logged.read_text() for secret in (api.token, "signature", "secret", "?"))


def test_a_log_that_was_renamed_is_begun_anew(api: LakeApi, logged: Path) -> None:
    logged.rename(logged.with_suffix(".1"))

    api.call("GET", "/health")

    # A line is written once its answer is sent.
    api.until(lambda: logged.exists() and logged.read_text().count("\n") == 1)
