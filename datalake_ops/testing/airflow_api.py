"""Client of an Airflow's REST API, for tests: runs, states of tasks, XComs."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

POLL_SECONDS = 0.25
# Long enough for a machine that is busy with much else: nobody waits longer than something takes.
WAIT_SECONDS = 300.0
_RUN_SECONDS = 600.0
_ANSWER_SECONDS = 120.0
_BUSY_SECONDS = 240.0
# The answers come from the processes that run the tasks.
_RUN_POLL_SECONDS = 0.5
_ENDED = ("success", "failed")


class AirflowApi:
    """REST API of the Airflow at `url`, which must admit everybody (`simple_auth_manager_all_admins`)."""

    def __init__(self, url: str) -> None:
        self.url = url

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, timeout: float = WAIT_SECONDS) -> str:
        """Start a run of a DAG, once Airflow knows it, and return the run's id."""
        deadline = time.monotonic() + timeout
        body = {"logical_date": None, "conf": dict(conf or {})}
        while True:
            try:
                return str(self.api("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])
            except urllib.error.HTTPError as error:
                if error.code != 404 or time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)

    def wait(self, dag_id: str, run_id: str, timeout: float = _RUN_SECONDS) -> str:
        """Wait for the end of a run and return its state.

        Raises:
            TimeoutError: it goes on; the message has the states of its tasks.
        """
        deadline = time.monotonic() + timeout
        while (state := self.api("GET", run_path(dag_id, run_id))["state"]) not in _ENDED:
            if time.monotonic() > deadline:
                states = self.task_states(dag_id, run_id)
                raise TimeoutError(f"{dag_id} {run_id} was still {state} after {timeout:.0f} s: {states}")
            time.sleep(_RUN_POLL_SECONDS)
        return str(state)

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """The state of every task of a run by its id (`task[0]`, `task[1]` when mapped)."""
        states: dict[str, str | None] = {}
        while True:
            # Airflow gives a hundred at a time, however many are asked for.
            page = self.api("GET", f"{run_path(dag_id, run_id)}/taskInstances?limit=100&offset={len(states)}")
            states.update((_name(ti), ti["state"]) for ti in page["task_instances"])
            if not page["task_instances"] or len(states) >= page["total_entries"]:
                return states

    def set_task_state(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Do what a user does with "mark as failed" or "mark as success"."""
        self.api("PATCH", f"{run_path(dag_id, run_id)}/taskInstances/{task_id}", {"new_state": state})

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Do what a user does with "clear task"."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        self.api("POST", f"/dags/{dag_id}/clearTaskInstances", {**body, "reset_dag_runs": True})

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Value that a task pushed under a key."""
        entry = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{key}?map_index={map_index}"
        return self.api("GET", f"{entry}&deserialize=true")["value"]

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call Airflow's REST API and return its JSON answer; `path` begins after `/api/v2`.

        A failure of the server's own (500) is tried again for some minutes: its SQLite file is one for all components,
        and whoever does not get hold of it in time fails with everything undone. A question (GET) whose answer is late
        or cut off is asked again, too.
        """
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                return self.ask(method, f"/api/v2{path}", body)
            except urllib.error.HTTPError as error:
                if error.code != 500 or time.monotonic() > deadline:
                    raise
            except (OSError, http.client.HTTPException):
                if method != "GET" or time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request, never repeated, and return its JSON answer; `path` is the whole path.

        Raises:
            OSError: no answer, or one that is an error (`urllib.error.HTTPError`).
            http.client.HTTPException: an answer that was cut off.
        """
        request = urllib.request.Request(  # noqa: S310 - the address is this server's own.
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        # A proxy of the environment must not stand between a test and its own server.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_ANSWER_SECONDS) as answer:
            return json.loads(answer.read() or b"null")


def run_path(dag_id: str, run_id: str) -> str:
    """Path of a run of a DAG below `/api/v2`."""
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _name(ti: Mapping[str, Any]) -> str:
    return str(ti["task_id"]) if ti["map_index"] < 0 else f"{ti['task_id']}[{ti['map_index']}]"
