"""The OpenAPI document: every operation is described whole, and the platform answers as it is described."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from datalake_ops.testing import PlatformServer
from tests.platform.lakes import LakeApi

# Requests per operation: 10 s in all on a quiet machine.
EXAMPLES = "6"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "XGET"}


@pytest.fixture(scope="module")
def server() -> Iterator[PlatformServer]:
    with PlatformServer() as running:
        yield running


@pytest.fixture(scope="module")
def document(server: PlatformServer) -> dict[str, Any]:
    return dict(requests.get(f"{server.url}/openapi.json", timeout=60).json())


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    paths = document["paths"].items()
    return {f"{method.upper()} {path}": found for path, methods in paths for method, found in methods.items()}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from [str(value["$ref"])] if "$ref" in value else []
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert set(references(document)) - known == set()
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_operation_has_answers_refusals_and_a_security_scheme(operations: dict[str, dict[str, Any]]) -> None:
    bare = {}
    for name, operation in operations.items():
        answers = operation["responses"]
        missing = [
            status
            for status, answer in answers.items()
            if status != "204"
            and not all(media["schema"] for media in answer.get("content", {"none": {"schema": None}}).values())
        ]
        public = name == "GET /health"
        if missing or "422" in answers or public == ("401" in answers) or public == ("security" in operation):
            bare[name] = answers.keys()

    assert len(operations) > 90
    assert bare == {}


def test_every_operation_that_reads_a_body_describes_it(operations: dict[str, dict[str, Any]]) -> None:
    without = {
        name.rpartition("/")[2]
        for name, operation in operations.items()
        if name.startswith(("POST", "PUT", "PATCH")) and "requestBody" not in operation
    }
    limited = {name for name, operation in operations.items() if "413" in operation["responses"]}

    # Charts, which are not here; a kill, and a report on a job.
    assert without == {"", "{chart}", "kill", "{state}"}
    assert limited == {name for name, operation in operations.items() if "requestBody" in operation}
    assert operations["DELETE /api/datalake/{datalake}/datas"]["requestBody"]["required"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/home/ping", "GET"),
        ("/api/datalake/{lake}/datas", "DELETE, GET, POST, XGET"),
        ("/api/data/{id}", "DELETE, GET, PATCH"),
        ("/health", "GET"),
    ],
)
def test_a_method_that_is_not_possible_says_which_are(server: PlatformServer, path: str, allowed: str) -> None:
    address = server.url + path.format(lake="x", id="y")

    for method in {*METHODS, "OPTIONS"} - set(allowed.split(", ")):
        answer = requests.request(method, address, timeout=60)

        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


def test_a_parameter_of_the_wrong_form_is_400_on_every_kind_of_route(server: PlatformServer) -> None:
    api = LakeApi(server)
    wrong = [
        api.call("GET", "/api/datalake/no-id/datas"),
        api.call("POST", "/api/datalake/no-id/datas", {}),
        api.call("GET", f"{api.path}/datas?limit=x"),
        api.call("POST", f"{api.path}/tags", {"name": 1}),
    ]

    assert [answer.status_code for answer in wrong] == [400] * 4
    assert all(answer.json()["detail"] for answer in wrong)


def test_the_platform_answers_as_its_document_says(server: PlatformServer, tmp_path: Path) -> None:
    api = LakeApi(server)
    ids = {
        "organization": api.organization,
        "datalake": api.lake["id"],
        "connector": api.connector,
        "tag": api.a_tag("tag"),
        "source": api.a_source("source"),
        "data": api.a_data()["id"],
    }
    settings = tmp_path / "schemathesis.toml"
    settings.write_text("\n".join(["[parameters]", *(f'"path.{name}" = "{value}"' for name, value in ids.items())]))

    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "schemathesis", "--config-file", settings),
            *("run", f"{server.url}/openapi.json", "--header", f"Authorization: Bearer {server.token}"),
            *("--checks", CHECKS, "--phases", "fuzzing", "--max-examples", EXAMPLES),
            *("--seed", "1", "--generation-database", "none", "--workers", "1"),
            # Those answer 501, which is what they are documented to do; a scripted fault would fail what follows.
            *("--exclude-tag", "not on the embedded platform", "--exclude-path", "/_admin/faults"),
            *("--suppress-health-check", "all", "--no-color"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert " passed" in done.stdout
