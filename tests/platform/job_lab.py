"""A platform that runs a scripted program as its processing, and helpers to look at processes."""

from __future__ import annotations

import shlex
import sys
import textwrap
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

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
    if parameters.get("show_environment"):
        print("variables", json.dumps(dict(os.environ)), flush=True)
    for line in parameters.get("errors", []):
        print(line, file=sys.stderr, flush=True)
    if parameters.get("token_file"):
        open(parameters["token_file"], "w").write(os.environ["api_token"])
    # Longer than any test, and yet not for ever when a test failed to kill it.
    until = time.monotonic() + 600
    while parameters.get("talk") and time.monotonic() < until:
        print(parameters["talk"], flush=True)
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


def program_arguments(folder: Path, cpus: int = 2) -> list[str]:
    """Options of a server that runs the program for the image."""
    path = folder / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    command = shlex.join([sys.executable, str(path)])
    programs = ["--program", f"{IMAGE}={command}", "--program", f"{IMAGE}-gone=/no/such/program"]
    return [*programs, "--cpus", str(cpus), "--gpus", "0"]


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
