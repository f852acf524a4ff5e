"""Who may call what: tokens, and every route with the ids of another organization."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests

from datalake_ops.testing import PlatformServer
from tests.platform.images import a_picture, as_bytes
from tests.platform.lakes import LakeApi

PUBLIC = re.compile(r"/health|/docs|/openapi.json|/storage/.*")
# Routes that name nothing of an organization in their path.
FREE = {"/metrics", "/api/home/ping", "/api/organizations/find", "/api/processings/public/find", "/api/programs"}
# Where a body is looked at first: one that holds.
BODIES: dict[str, Any] = {
    "attach": [],
    "detach": [],
    "{tag}": {"name": "x"},
    "{source}": {"name": "x"},
    "inputs": {"name": "n", "input_type": "TEXT", "required": False},
    "{name}": {"required": False},
    "logging": {"line_nb": 0, "log": "x", "final": False, "part": "p", "special": False},
    "save": {"logging_object_name": "logs/x"},
}


@pytest.fixture(scope="module")
def theirs(stranger: LakeApi) -> dict[str, str]:
    """Ids of everything that another organization has, by the word of the route table."""
    data = stranger.a_data()
    small = stranger.upload(as_bytes(a_picture(8, 8), "PNG"), "small.png", "image/png")
    facts = {"name": "p", "file_size": 1, "filename": "small.png", "content_type": "image/png", "width": 8, "height": 8}
    projection = stranger.json("POST", f"/api/data/{data['id']}/projections", {**facts, "object_name": small})
    processing = stranger.json(
        "POST",
        f"/api/organization/{stranger.organization}/processings",
        {"name": f"p {uuid4()}", "target": "DATALAKE", "docker_image": "none", "docker_tag": "1"},
    )
    job = stranger.json("POST", f"{stranger.path}/objects", {"prefixes": ["none/"], "tag_ids": []})["job"]
    return {
        "organization": stranger.organization,
        "datalake": str(stranger.lake["id"]),
        "connector": stranger.connector,
        "data": data["id"],
        "tag": stranger.a_tag(f"tag {uuid4()}"),
        "source": stranger.a_source(f"source {uuid4()}"),
        "projection": projection["id"],
        "processing": processing["id"],
        "job": job["id"],
        "chart": str(uuid4()),
        "key": "k",
        "name": "n",
        "state": "running",
    }


def routes(server: PlatformServer) -> Iterator[tuple[str, str]]:
    """Every method and path of the running server."""
    document = requests.get(f"{server.url}/openapi.json", timeout=30).json()
    for path, methods in document["paths"].items():
        if not PUBLIC.fullmatch(path) and not path.startswith("/_admin"):
            yield from ((method.upper(), path) for method in methods)
    yield "XGET", "/api/datalake/{datalake}/datas"


def body_of(method: str, path: str) -> Any:
    return None if method == "GET" else BODIES.get(path.rpartition("/")[2], {})


def test_the_route_table_is_seen(datalake_platform: PlatformServer) -> None:
    table = list(routes(datalake_platform))

    assert len(table) > 60
    assert ("POST", "/api/datalake/{datalake}/datas") in table


def test_every_route_asks_for_a_token(datalake_platform: PlatformServer, theirs: dict[str, str]) -> None:
    answered = {}
    for method, path in routes(datalake_platform):
        url = datalake_platform.url + path.format(**theirs)
        answer = requests.request(method, url, json=body_of(method, path), timeout=30)
        if answer.status_code != 401 or answer.headers.get("WWW-Authenticate") != "Bearer":
            answered[method, path] = answer.status_code

    assert answered == {}


def test_every_route_hides_what_is_another_organizations(
    datalake_platform: PlatformServer, lake: LakeApi, theirs: dict[str, str]
) -> None:
    answered = {}
    for method, path in routes(datalake_platform):
        if path not in FREE:
            answer = lake.call(method, path.format(**theirs), body_of(method, path))
            if answer.status_code != 404 or "message" not in answer.json():
                answered[method, path] = (answer.status_code, answer.text)

    assert answered == {}


def test_what_is_hidden_is_there_for_its_owner(stranger: LakeApi, theirs: dict[str, str]) -> None:
    for path in ("data/{data}", "tag/{tag}", "data/source/{source}", "data/projection/{projection}"):
        assert stranger.call("GET", "/api/" + path.format(**theirs)).status_code == 200
    for path in ("processing/{processing}", "v2/job/{job}", "datalake/{datalake}", "organization/{organization}"):
        assert stranger.call("GET", "/api/" + path.format(**theirs)).status_code == 200


def test_an_organization_finds_only_itself(lake: LakeApi, stranger: LakeApi) -> None:
    name = stranger.json("GET", f"/api/organization/{stranger.organization}")["name"]

    assert stranger.json("GET", f"/api/organizations/find?name={name}")["id"] == stranger.organization
    assert lake.message(lake.call("GET", f"/api/organizations/find?name={name}"), 404)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x", "Bearer \u00e9"],
)
def test_a_wrong_token_is_refused(datalake_platform: PlatformServer, header: str | None) -> None:
    headers = (
        {} if header is None else {"Authorization": header.format(token=datalake_platform.token).encode("latin-1")}
    )

    answer = requests.get(f"{datalake_platform.url}/api/home/ping", headers=headers, timeout=30)

    assert answer.status_code == 401
    assert "token" in answer.json()["message"]


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "bearer", "TOKEN"])
def test_both_schemes_are_understood(datalake_platform: PlatformServer, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {datalake_platform.token}"}

    answer = requests.get(f"{datalake_platform.url}/api/home/ping", headers=headers, timeout=30)

    assert answer.json()["username"] == "local"


def test_a_token_is_kept_only_as_its_digest(datalake_platform: PlatformServer) -> None:
    kept = b"".join(path.read_bytes() for path in datalake_platform.home.glob("datalake.db*"))

    assert datalake_platform.token.encode() not in kept


@pytest.mark.parametrize("lake_id", ["not-an-id", str(uuid4())])
def test_an_unknown_lake_is_404_or_400_in_the_wires_form(lake: LakeApi, lake_id: str) -> None:
    for method, end in (("GET", ""), ("GET", "/datas"), ("POST", "/datas"), ("XGET", "/datas"), ("GET", "/tags")):
        answer = lake.call(method, f"/api/datalake/{lake_id}{end}", None if method == "GET" else {})
        assert answer.status_code in (400, 404)
        assert set(answer.json()) == {"message", "detail"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nothing", 404), ("PUT", "/api/home/ping", 405), ("SEARCH", "/api/home/ping", 405)],
)
def test_an_unknown_address_is_answered_in_the_wires_form(lake: LakeApi, method: str, path: str, status: int) -> None:
    assert path in lake.message(lake.call(method, path), status)


def test_charts_and_visual_search_say_that_they_are_missing(lake: LakeApi) -> None:
    for method, path in (
        ("GET", f"{lake.path}/charts/"),
        ("POST", f"{lake.path}/charts/"),
        ("GET", f"/api/visual-search/datalake/{lake.lake['id']}/status"),
        ("GET", f"/api/visual-search/datalake/{lake.lake['id']}/points/scroll?limit=1"),
        ("GET", f"{lake.path}/datas/ids/visual-search?visual_search_query=x&visual_search_limit=3"),
    ):
        assert "embedded platform" in lake.message(lake.call(method, path), 501)


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/api/organization/{organization}/datasets/find?name=x", "datasets"),
        ("/api/dataset/version/{id}/assets", "datasets"),
        ("/api/organization/{organization}/models", "models"),
        ("/api/model/version/{id}/", "models"),
        ("/api/v2/deployments/{id}", "deployments"),
        ("/api/project/{id}/experiments", "projects and experiments"),
        ("/api/label/{id}/", "labels and annotations"),
        ("/api/campaigns/review/{id}", "campaigns"),
    ],
)
def test_a_part_of_the_hosted_platform_says_that_it_is_missing(lake: LakeApi, path: str, part: str) -> None:
    for method in ("GET", "POST", "XGET"):
        answer = lake.call(method, path.format(organization=lake.organization, id=uuid4()), {})
        assert f"has no {part}" in lake.message(answer, 501)


def test_a_compute_connector_is_this_machine(lake: LakeApi) -> None:
    path = f"/api/organization/{lake.organization}/computeconnectors/find"

    found = lake.json("GET", f"{path}?name=local")

    assert found == lake.json("GET", f"/api/compute/{found['id']}")
    assert found == lake.json("GET", f"{path}?id={found['id']}")
    assert set(found) == {"id", "name", "url", "client_type", "enabled"}
    assert lake.message(lake.call("GET", f"{path}?name=other"), 404)
    assert lake.message(lake.call("GET", path))


def test_users_and_lakes_are_listed(lake: LakeApi, datalake_platform: PlatformServer) -> None:
    users = f"/api/access/organization/{lake.organization}/users"
    lakes = f"/api/organization/{lake.organization}/datalakes"

    assert [user["username"] for user in lake.json("GET", users)["users"]] == ["local"]
    assert lake.json("GET", f"{users}?username=nobody")["users"] == []
    assert lake.lake in lake.json("GET", lakes)["items"]
    assert lake.json("GET", f"/api/organization/{lake.organization}/datalake")["name"] == "default"
    named = f"/api/organization/{lake.organization}/datalake?name={lake.lake['name']}"
    assert lake.json("GET", named) == lake.lake
    assert datalake_platform.url


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1]", b"null", b'{"metadata": NaN}', b'"text"', b"1" * 400])
def test_a_body_that_is_no_json_object_is_refused(lake: LakeApi, body: bytes) -> None:
    data = lake.a_data()["id"]
    paths = [("POST", f"{lake.path}/datas"), ("XGET", f"{lake.path}/datas"), ("PATCH", f"/api/data/{data}")]
    paths += [("POST", f"{lake.path}/tags"), ("PATCH", f"{lake.path}/data/bulk"), ("DELETE", f"{lake.path}/datas")]
    headers = {"Authorization": f"Bearer {lake.token}", "Content-Type": "application/json"}

    for method, path in paths:
        answer = requests.request(method, lake.url + path, data=body, headers=headers, timeout=30)
        assert lake.message(answer)
