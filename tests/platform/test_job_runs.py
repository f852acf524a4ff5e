"""Programs of processings: what they are given, what becomes of their end, which launches are refused."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from datalake_ops.testing import PlatformServer
from tests.platform.job_lab import IMAGE, Lab


class TestRun:
    def test_a_program_gets_its_context_and_its_exit_code_decides(self, lab: Lab) -> None:
        job = lab.api.ended(lab.launch(parameters={"errors": ["careful"]}))

        assert (job["status"], job["exit_code"], job["reason"]) == ("SUCCEEDED", 0, None)
        assert job["created_at"] <= job["started_at"] <= job["finished_at"]
        assert lab.api.log(job) == [
            'parameters {"errors": ["careful"]}',
            f'data ["{lab.data}"]',
            f"environment {lab.api.organization} local",
            "careful",
            "ends",
        ]

    def test_another_exit_code_is_a_failure_with_a_reason(self, lab: Lab) -> None:
        job = lab.api.ended(lab.launch(parameters={"code": 3}))

        assert (job["status"], job["exit_code"], job["reason"]) == (
            "FAILED",
            3,
            "The program ended with exit code 3.",
        )

    def test_a_signal_is_a_failure_that_names_it(self, lab: Lab) -> None:
        job = lab.api.ended(lab.launch(parameters={"signal": int(signal.SIGSEGV)}))

        assert (job["status"], job["reason"]) == ("FAILED", "The program was ended by SIGSEGV.")

    def test_a_program_that_cannot_be_started_is_a_failure_that_says_so(self, lab: Lab) -> None:
        lab.processing = lab.a_processing(f"{IMAGE}-gone")

        job = lab.api.ended(lab.launch())

        assert job["status"] == "FAILED"
        assert "could not be started: /no/such/program" in job["reason"]

    @pytest.mark.parametrize(("word", "status", "code"), [("succeed", "SUCCEEDED", 5), ("fail", "FAILED", 0)])
    def test_what_a_program_reports_of_itself_counts(self, lab: Lab, word: str, status: str, code: int) -> None:
        job = lab.launch(parameters={"report": word, "code": code})

        lab.api.until(lambda: lab.state(job)["exit_code"] is not None)

        assert (lab.state(job)["status"], lab.state(job)["exit_code"]) == (status, code)

    def test_parameters_are_laid_over_the_defaults(self, lab: Lab) -> None:
        lab.processing = lab.a_processing(default_parameters={"code": 0, "kept": 1, "errors": ["default"]})

        job = lab.api.ended(lab.launch(parameters={"errors": ["given"]}))

        assert job["processing_job"]["parameters"] == {"code": 0, "kept": 1, "errors": ["given"]}

    def test_old_and_new_programs_find_their_context(self, lab: Lab) -> None:
        job = lab.api.ended(lab.launch())

        new, old = job["processing_job"], job["datalake_processing_job"]
        assert new["target_id"] == old["input_datalake_id"] == lab.api.lake["id"]
        assert requests.get(old["payload_presigned_url"], timeout=10).json() == {"data_ids": [lab.data]}
        assert new["inputs"] == {}

    def test_the_token_of_a_job_dies_with_it(self, lab: Lab, tmp_path: Path) -> None:
        go, token = tmp_path / "go", tmp_path / "token"
        job = lab.launch(parameters={"token_file": str(token), "wait_for": str(go)})
        lab.until_line(job, "environment")
        lab.api.until(lambda: token.exists() and bool(token.read_text()))
        header = {"Authorization": f"Bearer {token.read_text()}"}
        alive = lab.api.call("GET", f"/api/v2/job/{job['id']}", headers=header)
        other = lab.launch()
        foreign = lab.api.call("POST", f"/api/v2/job/{other['id']}/succeed", headers=header)
        go.touch()
        for one in (job, other):
            lab.api.ended(one)

        dead = lab.api.call("GET", f"/api/v2/job/{job['id']}", headers=header)

        assert (alive.status_code, foreign.status_code, dead.status_code) == (200, 403, 401)

    @pytest.mark.parametrize("parameters", [{}, {"signal": int(signal.SIGKILL)}])
    def test_what_a_program_leaves_in_its_working_directory_goes_with_it(
        self, lab: Lab, job_server: PlatformServer, parameters: dict[str, Any]
    ) -> None:
        outside = job_server.home.parent / f"kept-{uuid4().hex[:8]}"
        outside.mkdir()
        (outside / "photo.jpg").write_text("kept")
        leave = ["sh", "-c", f"mkdir images && echo x > images/1.jpg && ln -s {outside} images/link"]

        job = lab.api.ended(lab.launch(parameters={"start": [leave], **parameters}))

        assert not (job_server.home / "jobs" / job["id"] / "work").exists()
        assert (job_server.home / "jobs" / job["id"] / "log").exists()
        assert (outside / "photo.jpg").exists()

    def test_the_token_is_nowhere_on_disk(self, lab: Lab, job_server: PlatformServer, tmp_path: Path) -> None:
        go, token = tmp_path / "go", tmp_path / "token"
        job = lab.launch(parameters={"token_file": str(token), "wait_for": str(go)})
        lab.api.until(lambda: token.exists() and bool(token.read_text()))

        kept = b"".join(path.read_bytes() for path in job_server.home.rglob("*") if path.is_file())
        go.touch()
        lab.api.ended(job)

        assert token.read_bytes() not in kept


class TestRefusals:
    def test_unknown_things_are_not_found(self, lab: Lab) -> None:
        unknown = str(uuid4())

        answers = [lab.ask(processing_id=unknown), lab.ask(data_ids=[lab.data, unknown])]

        assert [answer.status_code for answer in answers] == [404, 404]
        assert unknown in str(answers[1].json()["detail"])

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"data_ids": []}, 400),
            ({"cpu": 0}, 400),
            ({"gpu": 1}, 402),
            ({"inputs": {"model": "x"}}, 400),
            ({"parameters": "x"}, 400),
            ({"processing_id": "x"}, 400),
        ],
    )
    def test_what_cannot_be_run_is_refused_at_once(self, lab: Lab, body: dict[str, Any], status: int) -> None:
        answer = lab.ask(**body)

        assert answer.status_code == status
        assert answer.json()["message"]

    def test_an_image_without_a_program_says_how_to_give_one(self, lab: Lab) -> None:
        lab.processing = lab.a_processing("somebody/else")

        answer = lab.ask()

        assert answer.status_code == 400
        assert "--program somebody/else:1=COMMAND" in answer.json()["message"]

    def test_declared_inputs_are_checked(self, lab: Lab) -> None:
        inputs = f"/api/processing/{lab.processing}/inputs"
        lab.api.json("POST", inputs, {"name": "model", "input_type": "MODEL_VERSION", "required": True})
        lab.api.json("POST", inputs, {"name": "limit", "input_type": "NUMBER", "required": False})
        model = str(uuid4())

        wrong = ({}, {"model": "x"}, {"model": model, "limit": "many"}, {"model": model, "other": 1})

        assert [lab.ask(inputs=one).status_code for one in wrong] == [400] * 4
        assert lab.launch(inputs={"model": model, "limit": 9})["processing_job"]["inputs"] == {
            "model": model,
            "limit": 9,
        }

    def test_a_processing_of_datasets_does_not_run_on_a_lake(self, lab: Lab) -> None:
        lab.processing = lab.a_processing(target="DATASET_VERSION")

        assert lab.ask().status_code == 400
