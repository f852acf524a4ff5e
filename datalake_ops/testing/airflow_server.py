"""A whole Airflow 3.3 of real processes: api-server, scheduler, dag-processor and triggerer over one SQLite file."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from datalake_ops.testing.airflow_fork_server import ForkedProcess, ForkServer
from datalake_ops.testing.process_guard import send, session_of

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
# Long enough for a machine that is busy with much else: nobody waits longer than something takes.
_READY_SECONDS = 600.0
_WAIT_SECONDS = 300.0
_RUN_SECONDS = 600.0
_STOP_SECONDS = 10.0
_ANSWER_SECONDS = 120.0
_BUSY_SECONDS = 240.0
_POLL_SECONDS = 0.25
# The answers come from the processes that run the tasks.
_RUN_POLL_SECONDS = 0.5
_ENDED = ("success", "failed")
_TASK_ENDED = (*_ENDED, "skipped", "upstream_failed", "removed")
# What the triggerer writes into the task's log when it begins.
_TRIGGER_STARTS = ") starting"
_WORKER = "worker-"
_DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
# What Celery writes when it takes tasks.
_WORKER_READY = " ready."
# The log servers would listen on every interface of the machine.
_OPTIONS = {"scheduler": ["--skip-serve-logs"], "triggerer": ["--skip-serve-logs"]}


class AirflowServer:
    """An Airflow of one's own on 127.0.0.1 and a free port, for the time of a `with` block.

    Each component is a process of its own, so a test can kill one and start it again. Needs Airflow 3.3 in the
    running interpreter's environment.

    The metadata database is a SQLite file, which is locked at times when many tasks run; the variable
    `AIRFLOW__DATABASE__SQL_ALCHEMY_CONN` names another, such as a PostgreSQL of `datalake_ops.testing.services`.

    With `workers` there are that many Celery workers beside them, `worker-1` and so on; executor, broker, result
    backend and database are settings then, see `datalake_ops.testing.services` for ones to test with.

    Args:
        dags_folder: Where the DAGs are.
        environment: Further variables, such as connections (`AIRFLOW_CONN_...`) or settings (`AIRFLOW__...`).
        home: Airflow's home; a temporary folder, removed at the end, when not given.
        workers: How many Celery workers.

    Raises:
        RuntimeError: Airflow could not be started; the message has its last words.
    """

    def __init__(
        self,
        dags_folder: Path | str,
        environment: Mapping[str, str] | None = None,
        home: Path | str | None = None,
        workers: int = 0,
    ) -> None:
        self._temporary = home is None
        self.home = Path(home) if home is not None else Path(tempfile.mkdtemp(prefix="datalake-ops-airflow-"))
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.environment = {**self._settings(dags_folder), **(environment or {})}
        self._components = (*COMPONENTS, *(f"{_WORKER}{number + 1}" for number in range(workers)))
        self._processes: dict[str, ForkedProcess] = {}
        self._forks = ForkServer(self._whole_environment(), self.home / "fork-server.log")
        self._triggerer_ended_at = 0.0

    def __enter__(self) -> AirflowServer:
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            self._migrate()
            for component in self._components:
                self.start(component)
            self.wait_until_healthy()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # All are asked at once, so that they end side by side.
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for component in list(self._processes):
            self.stop(component)
        self._forks.close()
        if self._temporary:
            shutil.rmtree(self.home, ignore_errors=True)

    def start(self, component: str) -> None:
        """Start one of the components."""
        self._processes[component] = self._forks.run(self._command(component), self.home / f"{component}.log")

    def stop(self, component: str) -> None:
        """Ask a component to end, and see to it that nothing of it is left."""
        self._processes[component].send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._processes[component].wait(_STOP_SECONDS)
        self.kill(component)

    def kill(self, component: str) -> None:
        """End a component and all it has started as a power cut would (SIGKILL)."""
        self._processes.pop(component).kill_session()
        if component == "triggerer":
            self._triggerer_ended_at = time.time()

    def pause(self, component: str) -> None:
        """Stop a component and all it has started where they are (SIGSTOP), until `resume`."""
        send(session_of(self.pid(component)), signal.SIGSTOP)

    def resume(self, component: str) -> None:
        """Let a component and all it has started go on (SIGCONT)."""
        send(session_of(self.pid(component)), signal.SIGCONT)

    @property
    def database_url(self) -> str:
        """SQLAlchemy's address of the metadata database."""
        return self.environment.get(_DATABASE, f"sqlite:///{self.home / 'airflow.db'}")

    def pid(self, component: str) -> int:
        """Process id of a running component; it leads a session of its own, which its children stay in."""
        return self._processes[component].pid

    def is_running(self, component: str) -> bool:
        """Whether a component was started and not yet stopped or killed."""
        return component in self._processes

    def log(self, component: str) -> str:
        """What a component has written so far."""
        path = self.home / f"{component}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def task_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """The log of every try of a task, the triggerer's part included."""
        files = self._log_files(dag_id, run_id, task_id)
        return "\n".join(file.read_text(errors="replace") for file in files)

    def wait_until_healthy(self) -> None:
        """Wait until every component is up."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            for component, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"The {component} ended:\n{self.log(component)[-2000:]}")
            if self._healthy():
                self._build_task_api()
                return
            time.sleep(_POLL_SECONDS)
        raise RuntimeError(f"Airflow was not healthy within {_READY_SECONDS:.0f} s.")

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, timeout: float = _WAIT_SECONDS) -> str:
        """Start a run of a DAG and return the run's id; waits for the DAG to be known."""
        deadline = time.monotonic() + timeout
        body = {"logical_date": None, "conf": dict(conf or {})}
        while True:
            try:
                return str(self.api("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])
            except urllib.error.HTTPError as error:
                if error.code != 404 or time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_SECONDS)

    def wait(self, dag_id: str, run_id: str, timeout: float = _RUN_SECONDS) -> str:
        """Wait for the end of a run and return its state.

        Raises:
            TimeoutError: it goes on; the message has the states of its tasks.
        """
        deadline = time.monotonic() + timeout
        while (state := self.api("GET", _run(dag_id, run_id))["state"]) not in _ENDED:
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
            page = self.api("GET", f"{_run(dag_id, run_id)}/taskInstances?limit=100&offset={len(states)}")
            states.update((_name(ti), ti["state"]) for ti in page["task_instances"])
            if not page["task_instances"] or len(states) >= page["total_entries"]:
                return states

    def wait_for_task(self, dag_id: str, run_id: str, task_id: str, state: str, timeout: float = _WAIT_SECONDS) -> None:
        """Wait until a task is in a state.

        Raises:
            TimeoutError: it is not, or it ended in another state; the message has the end of its log.
        """
        deadline = time.monotonic() + timeout
        while (found := self.task_states(dag_id, run_id).get(task_id)) != state:
            if found in _TASK_ENDED or time.monotonic() > deadline:
                log = self.task_log(dag_id, run_id, task_id)
                raise TimeoutError(f"{task_id} was {found}, not {state}, after {timeout:.0f} s:\n{log[-3000:]}")
            time.sleep(_POLL_SECONDS)

    def wait_for_trigger(self, dag_id: str, run_id: str, task_id: str, timeout: float = _WAIT_SECONDS) -> None:
        """Wait until a task is deferred and the triggerer runs its trigger: only then does Airflow tell it of a kill.

        `timeout` is given to each of the two. What an earlier try of the task, or a triggerer that is no more, has
        begun does not count.

        Raises:
            TimeoutError: it does not.
        """
        self.wait_for_task(dag_id, run_id, task_id, "deferred", timeout)
        task = self.api("GET", f"{_run(dag_id, run_id)}/taskInstances/{task_id}")
        deadline = time.monotonic() + timeout
        while not self.triggers_begun(dag_id, run_id, task_id, task["try_number"]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"The triggerer had not begun with {task_id} after {timeout:.0f} s.")
            time.sleep(_POLL_SECONDS)

    def triggers_begun(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> int:
        """How many triggers the triggerer that is up has begun with, for one try of a task, mapped ones together."""
        # Each triggerer writes a file of its own for each try, which is last written to while that triggerer lives.
        files = [
            file
            for file in self._log_files(dag_id, run_id, task_id, f"attempt={try_number}.log*")
            if file.stat().st_mtime > self._triggerer_ended_at
        ]
        return sum(_TRIGGER_STARTS in file.read_text(errors="replace") for file in files)

    def set_task_state(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Do what a user does with "mark as failed" or "mark as success"."""
        self.api("PATCH", f"{_run(dag_id, run_id)}/taskInstances/{task_id}", {"new_state": state})

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Do what a user does with "clear task"."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        self.api("POST", f"/dags/{dag_id}/clearTaskInstances", {**body, "reset_dag_runs": True})

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """What a task pushed."""
        entry = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{key}?map_index={map_index}"
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
                return self._ask(method, path, body)
            except urllib.error.HTTPError as error:
                if error.code != 500 or time.monotonic() > deadline:
                    raise
            except (OSError, http.client.HTTPException):
                if method != "GET" or time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_SECONDS)

    def _ask(self, method: str, path: str, body: Any) -> Any:
        return self._open(method, f"/api/v2{path}", body)

    def _open(self, method: str, path: str, body: Any) -> Any:
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

    def _healthy(self) -> bool:
        try:
            health = self._ask("GET", "/monitor/health", None)
        except (OSError, http.client.HTTPException):
            return False
        workers = [component for component in self._processes if component.startswith(_WORKER)]
        ready = all(_WORKER_READY in self.log(worker) for worker in workers)
        return ready and all(part["status"] == "healthy" for part in health.values())

    def _build_task_api(self) -> None:
        """Let the api-server build the routes of its task API, which it does at the first request.

        It takes 3 s of CPU and 20 s on a busy machine, and answers nobody meanwhile: the first tasks would fail.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self._open("GET", "/execution/health", None)
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(_POLL_SECONDS)

    def _command(self, component: str) -> list[str]:
        if not component.startswith(_WORKER):
            return [component, *_OPTIONS.get(component, [])]
        # They do not tell one another what they do, which nobody here asks for.
        quiet = ["--skip-serve-logs", "--without-gossip", "--without-mingle"]
        return ["celery", "worker", "--celery-hostname", f"{component}@%h", "--pid", str(self.home / component), *quiet]

    def _migrate(self) -> None:
        if self._forks.run(["db", "migrate"], self.home / "migrate.log").wait(_READY_SECONDS) != 0:
            raise RuntimeError(f"airflow db migrate failed:\n{self.log('migrate')[-2000:]}")

    def _settings(self, dags_folder: Path | str) -> dict[str, str]:
        return {
            **airflow_environment(self.home, dags_folder),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            # What has changed is read again at once; what has not need not keep a processor busy.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        }

    def _whole_environment(self) -> dict[str, str]:
        # The settings of an Airflow that this process may have of its own are not this one's.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        return {**inherited, **self.environment}

    def _log_files(self, dag_id: str, run_id: str, task_id: str, name: str = "*") -> list[Path]:
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return sorted(file for file in folder.rglob(name) if file.is_file())


def airflow_environment(home: Path | str, dags_folder: Path | str) -> dict[str, str]:
    """The settings of a private Airflow, as environment variables."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # Airflow before 3.3.3 fails deferred tasks that resume sooner than this many seconds.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # A task whose request is not answered within 5 s, the default, fails: a busy machine needs longer.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "90",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _name(ti: Mapping[str, Any]) -> str:
    return str(ti["task_id"]) if ti["map_index"] < 0 else f"{ti['task_id']}[{ti['map_index']}]"
