"""Jobs of processings: programs that a real server runs, follows, kills and finds again."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from datalake_ops.platform.jobs.processings.log_reader import CHUNK_BYTES, read_lines
from datalake_ops.platform.jobs.processings.resource_pool import Allocation, ResourcePool
from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.images import a_jpeg

# What stands in for a container: it says what it finds, then does what its parameters say, by the API only.
PROGRAM = """
    import json, os, subprocess, sys, time, urllib.request

    def call(method, path, body=None):
        request = urllib.request.Request(
            os.environ["host"] + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": "Bearer " + os.environ["api_token"], "Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))

    path = "/api/v2/job/" + os.environ["job_id"]
    job = call("GET", path)
    parameters = job["processing_job"]["parameters"]
    print("parameters", json.dumps(parameters), flush=True)
    payload = json.load(urllib.request.urlopen(job["processing_job"]["payload_presigned_url"]))
    print("data", json.dumps(sorted(payload["data_ids"])), flush=True)
    print("environment", os.environ["organization_id"], os.environ["organization_name"], flush=True)
    for line in parameters.get("errors", []):
        print(line, file=sys.stderr, flush=True)
    if parameters.get("token_file"):
        open(parameters["token_file"], "w").write(os.environ["api_token"])
    for command in parameters.get("start", []):
        print("child", subprocess.Popen(command).pid, flush=True)
    if parameters.get("report"):
        call("POST", path + "/" + parameters["report"])
    if parameters.get("wait_for"):
        while not os.path.exists(parameters["wait_for"]):
            time.sleep(0.02)
    print("ends", flush=True)
    if parameters.get("signal"):
        os.kill(os.getpid(), parameters["signal"])
    sys.exit(parameters.get("code", 0))
"""
IMAGE = "tests/program"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("program") / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    command = shlex.join([sys.executable, str(path)])
    return [
        "--program",
        f"{IMAGE}={command}",
        "--program",
        f"{IMAGE}-gone=/no/such/program",
        "--cpus",
        "2",
        "--gpus",
        "0",
    ]


@pytest.fixture(scope="module")
def server(program: list[str]) -> Iterator[PlatformServer]:
    with PlatformServer(arguments=program) as running:
        yield running


@pytest.fixture
def lab(server: PlatformServer) -> Lab:
    return Lab(server)


class Lab:
    """A platform with one data, and the means to launch the program above on it."""

    def __init__(self, server: PlatformServer) -> None:
        self.api = Api(server)
        name = self.api.upload(a_jpeg())
        body = {"type": "IMAGE", "filename": "a.jpg", "object_name": name, "content_type": "image/jpeg", "tags": []}
        self.data = str(self.api.json("POST", f"/api/datalake/{self.api.lake['id']}/datas", body)["id"])
        self.processing = self.a_processing()

    def a_processing(self, image: str = IMAGE, **more: Any) -> str:
        body = {"name": f"p{uuid4()}", "target": "DATALAKE", "docker_image": image, "docker_tag": "1", **more}
        return str(self.api.json("POST", f"/api/organization/{self.api.organization}/processings", body)["id"])

    def ask(self, headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
        body = {"processing_id": self.processing, "parameters": None, "data_ids": [self.data], "inputs": {}, **more}
        return self.api.call("POST", f"/api/datalake/{self.api.lake['id']}/processing/launch", body, headers)

    def launch(self, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        answer = self.ask(headers, **more)
        assert answer.ok, answer.text
        return dict(answer.json())

    def state(self, job: dict[str, Any]) -> dict[str, Any]:
        return dict(self.api.json("GET", f"/api/v2/job/{job['id']}"))

    def kill(self, job: dict[str, Any]) -> dict[str, Any]:
        return dict(self.api.json("POST", f"/api/v2/job/{job['id']}/kill"))

    def until_line(self, job: dict[str, Any], start: str) -> str:
        found: list[str] = []

        def has_line() -> bool:
            found[:] = [line for line in self.api.log(job) if line.startswith(start)]
            return bool(found)

        self.api.until(has_line)
        return found[-1]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


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

    def test_the_token_is_nowhere_on_disk(self, lab: Lab, server: PlatformServer, tmp_path: Path) -> None:
        go, token = tmp_path / "go", tmp_path / "token"
        job = lab.launch(parameters={"token_file": str(token), "wait_for": str(go)})
        lab.api.until(lambda: token.exists() and bool(token.read_text()))

        kept = b"".join(path.read_bytes() for path in server.home.rglob("*") if path.is_file())
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

        wrong = ({}, {"model": "x"}, {"model": model, "limit": "9"}, {"model": model, "other": 1})

        assert [lab.ask(inputs=one).status_code for one in wrong] == [400] * 4
        assert lab.launch(inputs={"model": model, "limit": 9})["processing_job"]["inputs"] == {
            "model": model,
            "limit": 9,
        }

    def test_a_processing_of_datasets_does_not_run_on_a_lake(self, lab: Lab) -> None:
        lab.processing = lab.a_processing(target="DATASET_VERSION")

        assert lab.ask().status_code == 400


class TestMarks:
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

    def test_another_organization_sees_nothing_of_a_job(self, lab: Lab, server: PlatformServer) -> None:
        job = lab.launch()
        stranger = Api(server, server.add_organization(f"strangers {uuid4()}")["token"])
        path = f"/api/v2/job/{job['id']}"

        asked = [("GET", path), ("GET", f"{path}/logs"), ("POST", f"{path}/kill"), ("POST", f"{path}/succeed")]

        assert [stranger.call(method, where).status_code for method, where in asked] == [404] * 4
        batch = stranger.json("POST", f"/api/organization/{stranger.organization}/jobv2s/batch", {"ids": [job["id"]]})
        assert batch["items"] == []


class TestKill:
    def test_a_running_job_dies_with_its_whole_tree(self, lab: Lab, tmp_path: Path) -> None:
        mark = mark_of_this_test()
        escape = ["setsid", "sh", "-c", f"sleep 600.{mark} & sleep 601.{mark}"]
        never = str(tmp_path / "never")
        job = lab.launch(parameters={"start": [escape, ["sleep", f"602.{mark}"]], "wait_for": never})
        lab.until_line(job, "child")
        lab.api.until(lambda: len([line for line in lab.api.log(job) if line.startswith("child")]) == 2)
        children = [int(line.split()[1]) for line in lab.api.log(job) if line.startswith("child")]
        assert all(is_running(pid) for pid in children)

        killed = lab.kill(job)

        assert (killed["status"], killed["exit_code"]) == ("KILLED", -15)
        assert not any(is_running(pid) for pid in children)
        assert not processes_saying("sleep", mark)
        assert lab.kill(job)["status"] == "KILLED"

    def test_what_a_program_leaves_behind_ends_with_it(self, lab: Lab) -> None:
        mark = mark_of_this_test()
        job = lab.launch(parameters={"start": [["setsid", "sleep", f"603.{mark}"]]})

        assert lab.api.ended(job)["status"] == "SUCCEEDED"
        assert not processes_saying("sleep", mark)

    def test_a_job_that_waits_for_its_turn_waits_no_more(self, lab: Lab, tmp_path: Path) -> None:
        holds = lab.launch(cpu=2, parameters={"wait_for": str(tmp_path / "go")})
        lab.until_line(holds, "environment")
        waits = lab.launch(cpu=1)
        lab.api.until(lambda: lab.state(waits)["status"] == "QUEUED")

        killed = lab.kill(waits)
        (tmp_path / "go").touch()
        lab.api.ended(holds)

        assert (killed["status"], killed["started_at"]) == ("KILLED", None)
        assert lab.api.log(waits) == []

    def test_a_finished_job_stays_as_it_is(self, lab: Lab) -> None:
        job = lab.api.ended(lab.launch())

        assert lab.kill(job)["status"] == "SUCCEEDED"


class TestTurns:
    def test_jobs_wait_until_their_processors_are_free(self, lab: Lab, tmp_path: Path) -> None:
        go = tmp_path / "go"
        first = lab.launch(cpu=2, parameters={"wait_for": str(go)})
        lab.until_line(first, "environment")

        others = [lab.launch(cpu=64), lab.launch(cpu=1)]
        lab.api.until(lambda: [lab.state(job)["status"] for job in others] == ["QUEUED", "QUEUED"])
        go.touch()

        assert [lab.api.ended(job)["status"] for job in others] == ["SUCCEEDED", "SUCCEEDED"]
        turns = [lab.state(job) for job in (first, *others)]
        assert turns[0]["finished_at"] <= turns[1]["started_at"]
        assert turns[1]["finished_at"] <= turns[2]["started_at"]

    def test_a_job_killed_while_it_waits_lets_the_next_one_pass(self, lab: Lab, tmp_path: Path) -> None:
        go = tmp_path / "go"
        half = lab.launch(cpu=1, parameters={"wait_for": str(go)})
        lab.until_line(half, "environment")
        whole, small = lab.launch(cpu=2), lab.launch(cpu=1)
        lab.api.until(lambda: lab.state(small)["status"] == "QUEUED")

        lab.kill(whole)

        assert lab.api.ended(small)["status"] == "SUCCEEDED"
        go.touch()
        lab.api.ended(half)

    def test_the_ledger_hands_out_what_there_is_and_no_more(self) -> None:
        ledger = ResourcePool(cpus=3, gpus=2)
        one, two, three = uuid4(), uuid4(), uuid4()

        assert ledger.admit(one, 2, 1) == Allocation(2, (0,))
        assert ledger.admit(two, 2, 0) is None
        assert ledger.admit(two, 1, 1) == Allocation(1, (1,))
        ledger.release(one)
        assert ledger.admit(three, 99, 1) is None
        ledger.release(two)
        assert ledger.admit(three, 99, 1) == Allocation(3, (0,))


class TestRestart:
    @pytest.fixture
    def own(self, program: list[str], tmp_path: Path) -> Iterator[PlatformServer]:
        with PlatformServer(home=tmp_path / "home", arguments=program) as running:
            yield running

    @pytest.mark.parametrize("how", ["kill", "stop"])
    def test_a_running_job_outlives_its_server_and_is_found_again(
        self, own: PlatformServer, tmp_path: Path, how: str
    ) -> None:
        lab, go = Lab(own), tmp_path / "go"
        job = lab.launch(parameters={"wait_for": str(go), "code": 4})
        lab.until_line(job, "environment")
        getattr(own, how)()
        own.start()
        lab.api = Api(own)
        assert lab.state(job)["status"] == "RUNNING"

        go.touch()
        ended = lab.api.ended(job)

        assert (ended["status"], ended["exit_code"]) == ("FAILED", 4)
        log = lab.api.log(job)
        assert log[-1] == "ends"
        assert len(log) == len(set(log)) == 4

    def test_a_job_that_ended_while_no_server_was_there_is_told_truly(
        self, own: PlatformServer, tmp_path: Path
    ) -> None:
        lab, go = Lab(own), tmp_path / "go"
        job = lab.launch(parameters={"wait_for": str(go)})
        lab.until_line(job, "environment")
        own.kill()
        go.touch()
        folder = own.home / "jobs" / job["id"]
        lab.api.until((folder / "rc").exists)
        own.start()
        lab.api = Api(own)

        assert lab.api.ended(job)["status"] == "SUCCEEDED"
        assert lab.api.log(job)[-1] == "ends"

    def test_a_job_whose_keeper_vanished_is_a_failure_and_leaves_nothing_running(
        self, own: PlatformServer, tmp_path: Path
    ) -> None:
        lab = Lab(own)
        job = lab.launch(parameters={"wait_for": str(tmp_path / "never")})
        lab.until_line(job, "environment")
        who = own.home / "jobs" / job["id"] / "pid"
        keeper, program = (json.loads(who.read_text())[name]["pid"] for name in ("keeper", "program"))

        os.kill(keeper, signal.SIGKILL)
        ended = lab.api.ended(job)

        assert (ended["status"], ended["exit_code"]) == ("FAILED", None)
        assert "disappeared" in ended["reason"]
        lab.api.until(lambda: not is_running(program))

    def test_a_kill_asked_of_a_server_that_dies_is_not_forgotten(self, own: PlatformServer, tmp_path: Path) -> None:
        lab = Lab(own)
        job = lab.launch(parameters={"wait_for": str(tmp_path / "never")})
        lab.until_line(job, "environment")
        own.kill()
        own.start()
        lab.api = Api(own)

        assert lab.kill(job)["status"] == "KILLED"

    def test_jobs_that_waited_have_their_turn_after_a_restart(self, own: PlatformServer, tmp_path: Path) -> None:
        lab, go = Lab(own), tmp_path / "go"
        first = lab.launch(cpu=2, parameters={"wait_for": str(go)})
        lab.until_line(first, "environment")
        second = lab.launch(cpu=1)
        own.kill()
        own.start()
        lab.api = Api(own)
        assert lab.state(second)["status"] in ("PENDING", "QUEUED")

        go.touch()

        assert [lab.api.ended(job)["status"] for job in (first, second)] == ["SUCCEEDED", "SUCCEEDED"]


def mark_of_this_test() -> str:
    """Digits for a command line that nobody else on this machine has."""
    return str(uuid4().int)[:12]


def processes_saying(*words: str) -> list[int]:
    """Processes with a command line that has all the words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if said.startswith(words[0]) and all(word in said for word in words):
            found.append(int(path.parent.name))
    return found


class TestPrintedLines:
    def test_an_unfinished_line_waits_for_its_end(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_bytes(b"one\ntwo\nthr")

        lines, offset = read_lines(log, 0)

        assert (lines, offset) == (["one", "two"], 8)
        assert read_lines(log, offset) == ([], 8)
        assert read_lines(log, offset, to_the_end=True) == (["thr"], 11)

    def test_of_a_progress_bar_the_last_state_is_kept(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_bytes(b"  0 %\r 50 %\r100 %\ndos\r\n\nlast")

        assert read_lines(log, 0, to_the_end=True)[0] == ["100 %", "dos", "", "last"]

    def test_bytes_that_are_no_text_and_endless_lines_do_not_stop_it(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_bytes(b"\xff\xfe\n" + b"x" * CHUNK_BYTES + b"\n")

        lines, offset = read_lines(log, 0)
        more, end = read_lines(log, offset)

        assert lines == ["\ufffd\ufffd"]
        assert len(more) == 1
        assert end > offset
        assert read_lines(tmp_path / "absent", 0) == ([], 0)
