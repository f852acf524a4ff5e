"""Airflow for tests: a private Airflow home, one run of a DAG in this process, or a whole Airflow of real processes.

Airflow reads its settings when it is imported, so prepare its home first, for instance at the top of a `conftest.py`:

    from datalake_ops.testing.airflow import prepare_airflow

    prepare_airflow(home, dags_folder)   # before the first `import airflow`

then `run_dag(dag)` runs a DAG to its end. `AirflowServer` starts an Airflow 3.3 with its own processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from datalake_ops.testing.airflow_server import AirflowServer, airflow_environment
from datalake_ops.testing.server import PlatformServer

__all__ = ["AirflowServer", "DagOutcome", "airflow_connection", "connected", "load_dags", "prepare_airflow", "run_dag"]

CONNECTION_VARIABLE = "AIRFLOW_CONN_DATALAKE_DEFAULT"


@dataclass(frozen=True)
class DagOutcome:
    """Result of a run: its state, and the state of every task by its id (`task[0]`, `task[1]` when mapped)."""

    run_id: str
    state: str
    tasks: dict[str, str]
    _instances: dict[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """True if the run succeeded."""
        return self.state == "success"

    def tries(self, task: str) -> int:
        """Number of times that a task was begun."""
        return int(self._instances[task].try_number)

    def xcom(self, task: str, key: str = "return_value") -> Any:
        """Value that a task pushed under a key; None when it pushed nothing."""
        ti = self._instances[task]
        return ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index)


def prepare_airflow(home: Path | str, dags_folder: Path | str) -> None:
    """Give this process an Airflow of its own: a home with an empty SQLite database, and DAGs from one folder.

    Raises:
        RuntimeError: Airflow was imported already and has read other settings, or its database cannot be made.
    """
    if "airflow" in sys.modules:
        raise RuntimeError("prepare_airflow must be called before airflow is imported.")
    Path(home).mkdir(parents=True, exist_ok=True)
    os.environ.update(airflow_environment(home, dags_folder))
    log = Path(home) / "migrate.log"
    if _migrate(log) != 0:
        raise RuntimeError(f"airflow db migrate failed:\n{log.read_text(errors='replace')[-2000:]}")


def _migrate(log: Path) -> int:
    """Make the database in a fork that has Airflow loaded, which this process needs anyway; its exit code."""
    if sys.platform == "darwin":
        # Its frameworks do not survive a fork.
        with log.open("ab") as output:
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            return subprocess.run(command, stdout=output, stderr=output, check=False).returncode
    # Airflow warns of its own deprecations.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Without the key in it, neither process would encrypt anything.
        import_module("airflow.configuration").write_default_airflow_configuration_if_needed()
        main = import_module("airflow.__main__").main
        child = os.fork()
        if not child:
            _migrate_and_exit(main, log)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _migrate_and_exit(main: Callable[[], None], log: Path) -> NoReturn:
    code = 1
    try:
        with log.open("a") as output, redirect_stdout(output), redirect_stderr(output):
            try:
                for descriptor in (1, 2):
                    os.dup2(output.fileno(), descriptor)
                sys.argv = ["airflow", "db", "migrate"]
                main()
                code = 0
            except Exception:  # noqa: BLE001 - it is written down, and the exit code tells of it.
                traceback.print_exc()
    finally:
        # Nothing of the tests that the parent runs may go on in here.
        os._exit(code)


def airflow_connection(platform: PlatformServer, **extra: Any) -> str:
    """Return an Airflow connection to a platform as JSON, for a variable `AIRFLOW_CONN_...`."""
    fields = {"conn_type": "datalake", "host": platform.url, "password": platform.token}
    return json.dumps({**fields, "extra": extra} if extra else fields)


@contextmanager
def connected(platform: PlatformServer, **extra: Any) -> Iterator[None]:
    """Point the connection `datalake_default` of this process to a platform; `extra` as in the form."""
    before = os.environ.get(CONNECTION_VARIABLE)
    os.environ[CONNECTION_VARIABLE] = airflow_connection(platform, **extra)
    try:
        yield
    finally:
        del os.environ[CONNECTION_VARIABLE]
        if before is not None:
            os.environ[CONNECTION_VARIABLE] = before


def load_dags(path: Path | str) -> dict[str, Any]:
    """Return the DAGs of a file or a folder by their ids, read as the DAG processor would.

    Raises:
        ImportError: a file cannot be imported; the message has each file and its error.
    """
    # Airflow 3.2 moved the class.
    place = "airflow.dag_processing.dagbag" if find_spec("airflow.dag_processing.dagbag") else "airflow.models.dagbag"
    bag = import_module(place).DagBag(dag_folder=str(path))
    if bag.import_errors:
        raise ImportError("\n".join(f"{file}: {error}" for file, error in bag.import_errors.items()))
    return dict(bag.dags)


def run_dag(dag: Any, conf: Mapping[str, Any] | None = None) -> DagOutcome:
    """Run a DAG of the DAGs folder to its end in this process, triggers included, and return the result."""
    if hasattr(dag, "sync_to_db"):
        # Before Airflow 3, `dag.test()` does not register the aliases of assets, and fails without them.
        dag.sync_to_db()
    run = dag.test(run_conf=dict(conf or {}))
    instances = {_name(ti): ti for ti in run.get_task_instances()}
    states = {name: str(ti.state) for name, ti in sorted(instances.items())}
    return DagOutcome(run.run_id, str(run.state), states, instances)


def _name(ti: Any) -> str:
    return str(ti.task_id) if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"
