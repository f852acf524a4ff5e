"""A whole Airflow 3.3 of real processes: api-server, scheduler, dag-processor and triggerer over one SQLite file."""

from __future__ import annotations

import http.client
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from datalake_ops.testing.airflow_api import POLL_SECONDS, WAIT_SECONDS, AirflowApi, run_path
from datalake_ops.testing.airflow_processes import WORKER, AirflowProcesses

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
# Long enough for a machine that is busy with much else: nobody waits longer than something takes.
_READY_SECONDS = 600.0
_TASK_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
# What the triggerer writes into the task's log when it begins.
_TRIGGER_STARTS = ") starting"
_DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
# What Celery writes when it takes tasks.
_WORKER_READY = " ready."


class AirflowServer(AirflowApi, AirflowProcesses):
    """Private Airflow on 127.0.0.1 and a free port, for the time of a `with` block.

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
        folder = Path(home) if home is not None else Path(tempfile.mkdtemp(prefix="datalake-ops-airflow-"))
        port = _free_port()
        AirflowApi.__init__(self, f"http://127.0.0.1:{port}")
        self.environment = {**_settings(folder, dags_folder, port), **(environment or {})}
        # The settings of an Airflow that this process may have of its own are not this one's.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        AirflowProcesses.__init__(self, folder, {**inherited, **self.environment}, self._temporary)
        self._components = (*COMPONENTS, *(f"{WORKER}{number + 1}" for number in range(workers)))

    def __enter__(self) -> AirflowServer:
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            self.migrate()
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
        self.stop_all()
        if self._temporary:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def database_url(self) -> str:
        """SQLAlchemy's address of the metadata database."""
        return self.environment.get(_DATABASE, f"sqlite:///{self.home / 'airflow.db'}")

    def task_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """The log of every try of a task, the triggerer's part included."""
        files = self._log_files(dag_id, run_id, task_id)
        return "\n".join(file.read_text(errors="replace") for file in files)

    def wait_until_healthy(self) -> None:
        """Wait until every component is up."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            self.check()
            if self._healthy():
                self._build_task_api()
                return
            time.sleep(POLL_SECONDS)
        raise RuntimeError(f"Airflow was not healthy within {_READY_SECONDS:.0f} s.")

    def wait_for_task(self, dag_id: str, run_id: str, task_id: str, state: str, timeout: float = WAIT_SECONDS) -> None:
        """Wait until a task is in a state.

        Raises:
            TimeoutError: it is not, or it ended in another state; the message has the end of its log.
        """
        deadline = time.monotonic() + timeout
        while (found := self.task_states(dag_id, run_id).get(task_id)) != state:
            if found in _TASK_ENDED or time.monotonic() > deadline:
                log = self.task_log(dag_id, run_id, task_id)
                raise TimeoutError(f"{task_id} was {found}, not {state}, after {timeout:.0f} s:\n{log[-3000:]}")
            time.sleep(POLL_SECONDS)

    def wait_for_trigger(self, dag_id: str, run_id: str, task_id: str, timeout: float = WAIT_SECONDS) -> None:
        """Wait until a task is deferred and the triggerer runs its trigger: only then does Airflow tell it of a kill.

        `timeout` is given to each of the two. What an earlier try of the task, or a triggerer that is no more, has
        begun does not count.

        Raises:
            TimeoutError: it does not.
        """
        self.wait_for_task(dag_id, run_id, task_id, "deferred", timeout)
        task = self.api("GET", f"{run_path(dag_id, run_id)}/taskInstances/{task_id}")
        deadline = time.monotonic() + timeout
        while not self.triggers_begun(dag_id, run_id, task_id, task["try_number"]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"The triggerer had not begun with {task_id} after {timeout:.0f} s.")
            time.sleep(POLL_SECONDS)

    def triggers_begun(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> int:
        """Number of triggers of one try of a task, mapped ones together, that the running triggerer has begun with."""
        # Each triggerer writes a file of its own for each try, which is last written to while that triggerer lives.
        files = [
            file
            for file in self._log_files(dag_id, run_id, task_id, f"attempt={try_number}.log*")
            if file.stat().st_mtime > self.ended_at("triggerer")
        ]
        return sum(_TRIGGER_STARTS in file.read_text(errors="replace") for file in files)

    def _healthy(self) -> bool:
        try:
            health = self.ask("GET", "/api/v2/monitor/health")
        except (OSError, http.client.HTTPException):
            return False
        workers = [component for component in self._processes if component.startswith(WORKER)]
        ready = all(_WORKER_READY in self.log(worker) for worker in workers)
        return ready and all(part["status"] == "healthy" for part in health.values())

    def _build_task_api(self) -> None:
        """Let the api-server build the routes of its task API, which it does at the first request.

        It takes 3 s of CPU and 20 s on a busy machine, and answers nobody meanwhile: the first tasks would fail.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self.ask("GET", "/execution/health")
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(POLL_SECONDS)

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


def _settings(home: Path, dags_folder: Path | str, port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    return {
        **airflow_environment(home, dags_folder),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        # What has changed is read again at once; what has not need not keep a processor busy.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
