"""Jobs seen from outside: found again by key, label and id, their reports and their logs."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.job_lab import Lab


class TestKeysAndLabels:
    def test_the_same_key_twice_is_one_job(self, lab: Lab) -> None:
        header = {"Idempotency-Key": str(uuid4())}

        first, second = lab.launch(header), lab.launch(header)

        assert first["id"] == second["id"]
        path = f"/api/organization/{lab.api.organization}/jobv2s?idempotency_key={header['Idempotency-Key']}"
        found = lab.api.json("GET", path)
        assert (found["count"], [job["id"] for job in found["items"]]) == (1, [first["id"]])

    def test_a_key_used_for_something_else_is_refused(self, lab: Lab) -> None:
        header = {"Idempotency-Key": str(uuid4())}
        lab.launch(header)

        answer = lab.ask(header, parameters={"code": 1})

        assert answer.status_code == 409

    def test_imports_take_keys_too(self, lab: Lab) -> None:
        header = {"Idempotency-Key": str(uuid4())}
        path = f"/api/datalake/{lab.api.lake['id']}/objects"

        jobs = {lab.api.call("POST", path, {"prefixes": ["none"]}, header).json()["job"]["id"] for _ in range(3)}

        assert len(jobs) == 1

    def test_jobs_are_found_by_their_labels(self, lab: Lab) -> None:
        run = str(uuid4())
        first = lab.launch({"X-Datalake-Job-Labels": f'{{"run":"{run}","try":"1"}}'})
        second = lab.launch({"X-Datalake-Job-Labels": f'{{"run":"{run}","try":"2"}}'})
        path = f"/api/organization/{lab.api.organization}/jobv2s?label=run:{run}"

        both, one = lab.api.json("GET", path), lab.api.json("GET", f"{path}&label=try:1")

        assert [job["id"] for job in both["items"]] == [second["id"], first["id"]]
        assert [job["id"] for job in one["items"]] == [first["id"]]
        assert one["items"][0]["labels"] == {"run": run, "try": "1"}

    @pytest.mark.parametrize("labels", ["no json", "[]", '{"a":1}', '{"a":null}'])
    def test_labels_of_another_form_are_refused(self, lab: Lab, labels: str) -> None:
        assert lab.ask({"X-Datalake-Job-Labels": labels}).status_code == 400

    def test_many_jobs_are_asked_in_one_call(self, lab: Lab) -> None:
        jobs = [lab.launch() for _ in range(3)]
        path = f"/api/organization/{lab.api.organization}/jobv2s/batch"

        found = lab.api.json("POST", path, {"ids": [job["id"] for job in jobs] + [str(uuid4())]})

        assert {job["id"] for job in found["items"]} == {job["id"] for job in jobs}
        assert found["count"] == 3


class TestReports:
    def test_states_follow_each_other_in_one_direction_only(self, lab: Lab, tmp_path: Path) -> None:
        job = lab.launch(parameters={"wait_for": str(tmp_path / "go")})
        lab.until_line(job, "environment")
        path = f"/api/v2/job/{job['id']}"

        codes = [lab.api.call("POST", f"{path}/{word}").status_code for word in ("running", "fail", "fail", "succeed")]
        (tmp_path / "go").touch()

        assert codes == [200, 200, 200, 409]
        assert lab.api.call("POST", f"{path}/explode").status_code in (400, 404)

    def test_a_line_sent_again_replaces_the_first(self, lab: Lab) -> None:
        job = lab.api.ended(lab.launch())
        path = f"/api/v2/job/{job['id']}/logging"
        before = len(lab.api.log(job))

        for number, text in ((0, "loading"), (1, "10 %"), (1, "100 %"), (2, ["a", "b"])):
            lab.api.json("POST", path, {"line_nb": number, "log": text, "final": False, "part": "p", "special": None})

        assert lab.api.log(job)[before:] == ["loading", "100 %", "a", "b"]

    def test_a_log_is_read_on_from_a_cursor_and_from_its_end(self, lab: Lab) -> None:
        job = lab.api.ended(lab.launch(parameters={"errors": [str(number) for number in range(10)]}))
        path, whole = f"/api/v2/job/{job['id']}/logs", lab.api.log(job)

        first = lab.api.json("GET", f"{path}?cursor=0&limit=4")
        rest = lab.api.json("GET", f"{path}?cursor={first['next_cursor']}")
        tail = lab.api.json("GET", f"{path}?cursor=-2")

        assert first["lines"] + rest["lines"] == whole
        assert tail == {"lines": whole[-2:], "next_cursor": len(whole)}
        assert lab.api.json("GET", f"{path}?cursor={len(whole)}") == {"lines": [], "next_cursor": len(whole)}

    def test_the_first_generation_gets_its_own_words(self, lab: Lab) -> None:
        done, failed = lab.api.ended(lab.launch()), lab.api.ended(lab.launch(parameters={"code": 1}))

        assert lab.api.json("GET", f"/api/job/{done['id']}") == {"id": done["id"], "status": "SUCCESS"}
        assert lab.api.json("GET", f"/api/job/{failed['id']}")["status"] == "FAILED"

    def test_a_job_is_found_by_its_id(self, lab: Lab) -> None:
        job = lab.launch()
        path = f"/api/organization/{lab.api.organization}/jobv2s/find"

        assert lab.api.json("GET", f"{path}?id={job['id']}")["id"] == job["id"]
        assert lab.api.call("GET", f"{path}?id={uuid4()}").status_code == 404

    def test_the_stored_log_is_remembered(self, lab: Lab) -> None:
        job = lab.launch()

        saved = lab.api.json("POST", f"/api/v2/job/{job['id']}/logging/save", {"logging_object_name": "logs/x.json"})

        assert saved == {"logging_object_name": "logs/x.json"}

    def test_another_organization_sees_nothing_of_a_job(self, lab: Lab, job_server: PlatformServer) -> None:
        job = lab.launch()
        stranger = Api(job_server, job_server.add_organization(f"strangers {uuid4()}")["token"])
        path = f"/api/v2/job/{job['id']}"

        asked = [("GET", path), ("GET", f"{path}/logs"), ("POST", f"{path}/kill"), ("POST", f"{path}/succeed")]

        assert [stranger.call(method, where).status_code for method, where in asked] == [404] * 4
        batch = stranger.json("POST", f"/api/organization/{stranger.organization}/jobv2s/batch", {"ids": [job["id"]]})
        assert batch["items"] == []
