"""Scopes of tokens: what a job's program may do with its token, and who may call the admin routes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import requests

from datalake_ops.testing import PlatformServer
from datalake_ops.wire import routes
from tests.platform.api import Api
from tests.platform.images import a_jpeg
from tests.platform.job_lab import IMAGE, Lab
from tests.platform.lakes import LakeApi


@dataclass(frozen=True)
class Scene:
    """A job that runs: what its token calls, its own lake, one that its inputs name, and one that they do not."""

    program: Api
    token: str
    job: dict[str, Any]
    other_job: dict[str, Any]
    own: LakeApi
    named: LakeApi
    foreign: LakeApi

    def status(self, method: str, path: str, body: Any = None) -> int:
        return self.program.call(method, path, body).status_code


@pytest.fixture(scope="module")
def scene(job_server: PlatformServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    go, token_file = folder / "go", folder / "token"
    lab, made = (
        Lab(job_server),
        {name: job_server.add_lake(f"{name}-{uuid4().hex[:8]}") for name in ("named", "foreign")},
    )
    processing = lab.a_processing(IMAGE)
    declared = {"name": "reference", "input_type": "DATALAKE", "required": False}
    lab.api.json("POST", f"/api/processing/{processing}/inputs", declared)
    parameters = {"wait_for": str(go), "token_file": str(token_file)}
    job = lab.launch(processing_id=processing, parameters=parameters, inputs={"reference": made["named"]})
    lab.api.until(lambda: token_file.exists() and bool(token_file.read_text()))
    token = token_file.read_text()
    yield Scene(
        Api(job_server, token),
        token,
        job,
        lab.api.ended(lab.launch()),
        LakeApi(job_server),
        LakeApi(job_server, lake_id=made["named"]),
        LakeApi(job_server, lake_id=made["foreign"]),
    )
    go.touch()
    lab.api.ended(job)


def words(answer: requests.Response) -> str:
    assert answer.status_code == 403, f"{answer.status_code} {answer.text}"
    return str(answer.json()["message"])


class TestAJobsToken:
    def test_reads_its_user_its_organization_and_its_job(self, scene: Scene) -> None:
        organization = scene.program.organization
        paths = [
            "/api/home/ping",
            f"/api/organization/{organization}",
            f"/api/access/organization/{organization}/users",
            f"/api/organization/{organization}/datalake",
            f"/api/v2/job/{scene.job['id']}",
            f"/api/job/{scene.job['id']}",
            f"/api/v2/job/{scene.job['id']}/logs",
            f"/api/organization/{organization}/jobv2s/find?id={scene.job['id']}",
        ]

        assert {path: scene.status("GET", path) for path in paths} == dict.fromkeys(paths, 200)

    def test_reports_on_its_own_job(self, scene: Scene) -> None:
        path = f"/api/v2/job/{scene.job['id']}"

        line = {"line_nb": 0, "log": "said by the program"}

        assert scene.status("POST", f"{path}/logging", line) == 200
        assert scene.status("POST", f"{path}/logging/save", {"logging_object_name": "logs/x"}) == 200
        assert "said by the program" in scene.own.log(scene.job)

    @pytest.mark.parametrize("lake", ["own", "named"])
    def test_reads_and_writes_its_lake_and_those_of_its_inputs(
        self, scene: Scene, job_server: PlatformServer, lake: str
    ) -> None:
        program = LakeApi(job_server, scene.token, getattr(scene, lake).lake["id"])

        data = program.a_data()
        tag = program.a_tag(f"seen-{uuid4().hex[:8]}")
        attached = program.json("POST", f"/api/tag/{tag}/attach", [data["id"]])
        rendering = program.upload(a_jpeg(), "small.jpg")
        size = {"file_size": 1, "width": 1, "height": 1}
        body = {"name": "s", "object_name": rendering, "filename": "s.jpg", "content_type": "image/jpeg", **size}
        projection = program.json("POST", f"/api/data/{data['id']}/projections", body)

        assert attached["count"] == 1
        assert program.chosen(ids=[data["id"]]).json()["count"] == 1
        assert program.stat(data["object_name"]).status_code == 200
        assert program.storage("GET", program.address(data["object_name"])).status_code == 200
        assert program.storage("GET", projection["presigned_url"]).status_code == 200
        assert program.call("PATCH", f"/api/data/{data['id']}", {"metadata": None}).status_code == 200
        assert program.call("DELETE", f"/api/data/projection/{projection['id']}").status_code == 204
        assert program.call("DELETE", f"/api/data/{data['id']}").status_code == 204

    def test_keeps_what_is_no_data_in_the_storage(self, scene: Scene) -> None:
        name = f"processings/{scene.own.lake['id']}/{uuid4()}.tags"

        stored = scene.program.send_form(scene.program.form(name, ""), b"kept", "")

        assert stored.status_code == 204
        assert scene.program.storage("GET", scene.program.address(name)).content == b"kept"

    def test_reaches_nothing_of_another_lake(self, scene: Scene) -> None:
        foreign = scene.foreign
        data, own, tag = foreign.a_data(), scene.own.a_data(), foreign.a_tag("theirs")
        named = {"object_name": data["object_name"]}
        mine = {"type": "IMAGE", "filename": "a.jpg", "content_type": "image/jpeg", "tags": [], **named}
        size = {"file_size": 1, "width": 1, "height": 1}
        rendering = {"name": "s", "filename": "s.jpg", "content_type": "image/jpeg", **size}
        storage = f"/api/object-storage/{foreign.connector}"
        presign = f"/api/organization/{foreign.organization}/connector/{foreign.connector}/presign_uploads"
        calls = [
            ("GET", foreign.path, None),
            ("GET", f"/api/organization/{foreign.organization}/datalake?id={foreign.lake['id']}", None),
            ("GET", f"{foreign.path}/datas", None),
            ("XGET", f"{foreign.path}/datas", {"ids": [data["id"]]}),
            ("GET", f"/api/data/{data['id']}", None),
            ("DELETE", f"/api/data/{data['id']}", None),
            ("GET", f"/api/data/{data['id']}/presigned-url", None),
            ("POST", f"/api/data/{data['id']}/projections", named),
            ("POST", f"/api/data/{own['id']}/projections", {**rendering, **named}),
            ("GET", f"/api/tag/{tag}", None),
            ("POST", f"/api/tag/{tag}/attach", [data["id"]]),
            ("POST", f"{foreign.path}/tags", {"name": "mine"}),
            ("POST", f"{storage}/retrieve_presigned_url", named),
            ("POST", f"{storage}/stat", named),
            ("POST", f"{storage}/generate_presigned_url", named),
            ("POST", f"{storage}/generate_presigned_url", {"object_name": f"processings/{foreign.lake['id']}/x.tags"}),
            ("POST", presign, {"files": [{"filename": "a.jpg"}], "upload_dir": f"x/{foreign.lake['id']}"}),
            # Its object under a lake of one's own would be as good as the lake.
            ("POST", f"{scene.own.path}/datas", mine),
        ]

        refused = [(scene.status(method, path, body), method, path) for method, path, body in calls]

        assert [answer for answer in refused if answer[0] != 403] == []
        assert foreign.page()["count"] == 1

    def test_sees_only_its_lakes_and_its_user(self, scene: Scene) -> None:
        organization = scene.program.organization

        lakes = scene.program.json("GET", f"/api/organization/{organization}/datalakes")
        users = scene.program.json("GET", f"/api/access/organization/{organization}/users")

        assert {lake["id"] for lake in lakes["items"]} == {scene.own.lake["id"], scene.named.lake["id"]}
        assert lakes["count"] == 2
        assert len(users["users"]) == 1

    def test_starts_and_ends_no_jobs_and_reads_no_others(self, scene: Scene) -> None:
        organization, other = scene.program.organization, scene.other_job["id"]
        launch = {"processing_id": str(uuid4()), "data_ids": [str(uuid4())]}
        calls = [
            ("GET", f"/api/v2/job/{other}", None),
            ("GET", f"/api/job/{other}", None),
            ("GET", f"/api/v2/job/{other}/logs", None),
            ("POST", f"/api/v2/job/{other}/logging", {"line_nb": 0, "log": "x"}),
            ("POST", f"/api/v2/job/{other}/fail", None),
            ("POST", f"/api/v2/job/{other}/kill", None),
            ("POST", f"/api/v2/job/{scene.job['id']}/kill", None),
            ("GET", f"/api/organization/{organization}/jobv2s", None),
            ("POST", f"/api/organization/{organization}/jobv2s/batch", {"ids": [other]}),
            ("GET", f"/api/organization/{organization}/jobv2s/find?id={other}", None),
            ("POST", f"{scene.own.path}/processing/launch", launch),
            ("POST", f"{scene.own.path}/objects", {"prefixes": ["x"]}),
            ("GET", f"{scene.own.path}/changes", None),
            ("GET", f"/api/organization/{organization}/processings", None),
            ("POST", f"/api/organization/{organization}/tags", {"name": "x", "target_type": "DATASET"}),
            ("PATCH", f"{scene.own.path}/custom-metadata", {"allow_extra_custom_metadata": False}),
        ]

        refused = [(scene.status(method, path, body), method, path) for method, path, body in calls]

        assert [answer for answer in refused if answer[0] != 403] == []

    def test_is_no_admins(self, scene: Scene) -> None:
        answers = [
            scene.program.call("POST", "/_admin/organizations", {"name": "mine"}),
            scene.program.call("POST", "/_admin/lakes", {"name": "mine"}),
            scene.program.call("GET", "/_admin/requests"),
        ]

        assert all(words(answer) for answer in answers)

    def test_is_told_what_it_may_do(self, scene: Scene) -> None:
        message = words(scene.program.call("GET", scene.foreign.path))

        assert "job's datalakes" in message
        assert scene.foreign.lake["id"] in message

    def test_learns_nothing_of_other_organizations(self, scene: Scene, job_server: PlatformServer) -> None:
        stranger = LakeApi(job_server, job_server.add_organization(f"other-{uuid4().hex[:8]}")["token"])
        data = stranger.a_data()

        paths = [stranger.path, f"/api/data/{data['id']}", f"/api/v2/job/{uuid4()}", f"/api/tag/{uuid4()}"]

        assert {path: scene.status("GET", path) for path in paths} == dict.fromkeys(paths, 404)

    def test_reads_no_file_of_the_bucket_that_is_no_data(self, scene: Scene, job_server: PlatformServer) -> None:
        (job_server.bucket / "plans").mkdir()
        (job_server.bucket / "plans" / "secret.jpg").write_bytes(a_jpeg())

        assert words(scene.program.stat("plans/secret.jpg"))
        assert scene.own.stat("plans/secret.jpg").status_code == 200


def test_every_route_of_the_wire_is_open_or_closed_to_programs_on_purpose() -> None:
    from datalake_ops.platform.http import scopes

    every = {value for name, value in vars(routes).items() if name.isupper()}

    closed = every - set(scopes._ROUTES)

    assert set(scopes._ROUTES) <= every
    assert closed == {
        routes.IMPORT_OBJECTS,
        routes.IMPORT_PROJECTIONS,
        routes.LAUNCH,
        routes.JOB_KILL,
        routes.JOBS,
        routes.JOBS_BATCH,
        routes.PROCESSINGS,
        routes.PROCESSINGS_FIND,
        routes.PROCESSINGS_PUBLIC_FIND,
        routes.PROCESSING,
        routes.PROCESSING_INPUTS,
        routes.PROCESSING_INPUT,
        routes.PROGRAMS,
        routes.CHANGES,
        routes.CONNECTORS_FIND,
        routes.CONNECTOR,
        routes.CHARTS,
        routes.CHART,
        routes.ORGANIZATION_TAGS,
        routes.ORGANIZATION_TAGS_FIND,
        routes.METADATA_SCHEMA_KEY,
    }


def test_a_users_token_is_no_admins(datalake_platform: PlatformServer, stranger: LakeApi) -> None:
    answer = stranger.call("POST", "/_admin/organizations", {"name": "one-more"})

    assert "admin token create" in words(answer)
    assert stranger.call("GET", "/_admin/faults").status_code == 403
