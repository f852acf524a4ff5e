"""The same pipeline in two worlds: an Airflow DAG and a Prefect flow, each run as its users run it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import datalake_ops
from datalake_ops.config import Connection
from datalake_ops.demo.photographs import Hand
from datalake_ops.demo.processes import Processes
from datalake_ops.errors import ConfigurationError

ROOT = Path(datalake_ops.__file__).resolve().parent.parent
AIRFLOW_DAG = ROOT / "example_dags" / "airflow" / "ingest_and_process.py"
PREFECT_FLOW = ROOT / "example_dags" / "prefect" / "ingest_and_process.py"
# A shell with an active environment, a PYTHONPATH or settings of its own must not change what the demo runs.
_NOT_PASSED = ("VIRTUAL_ENV", "PYTHON", "AIRFLOW", "PREFECT", "DATALAKE_", "PICSELLIA_")


@dataclass(frozen=True)
class World:
    """One orchestrator: its name, its environment's folder of programs, and a home of its own."""

    name: str
    title: str
    programs: Path
    home: Path

    def program(self, name: str) -> Path:
        """One of its programs."""
        return self.programs / name


def airflow_world(work: Path) -> World:
    """Airflow in `.venvs/airflow`."""
    return World("airflow", "Airflow", ROOT / ".venvs" / "airflow" / "bin", work / "airflow")


def prefect_world(work: Path) -> World:
    """Prefect in `.venvs/prefect`."""
    return World("prefect", "Prefect", ROOT / ".venvs" / "prefect" / "bin", work / "prefect")


def check_environments() -> None:
    """Make sure that both orchestrators and both pipelines are there.

    Raises:
        ConfigurationError: they are not, since this is no clone or `make setup` has not made the environments.
    """
    needed = (airflow_world(ROOT).program("airflow"), prefect_world(ROOT).program("prefect"), AIRFLOW_DAG, PREFECT_FLOW)
    for path in needed:
        if not path.exists():
            raise ConfigurationError(f"{path} is missing; run the demo in a clone of the project, by `make demo`.")


def prepare_airflow(world: World, processes: Processes) -> subprocess.Popen[bytes]:
    """Begin to make Airflow's database, in a home of its own with the one DAG."""
    dags = world.home / "dags"
    dags.mkdir(parents=True)
    (dags / AIRFLOW_DAG.name).symlink_to(AIRFLOW_DAG)
    return processes.start("airflow-db", [world.program("airflow"), "db", "migrate"], _airflow_environment(world))


def run_airflow(
    world: World, hand: Hand, connection: Connection, processes: Processes, tolerant: bool
) -> subprocess.Popen[bytes]:
    """Run the DAG once, without scheduler, as `airflow dags test` does; tolerant of files that cannot be uploaded."""
    extra = {"datalake_name": connection.datalake_name}
    lake = {"conn_type": "datalake", "host": connection.host, "password": connection.api_token, "extra": extra}
    environment = {
        **_airflow_environment(world),
        "AIRFLOW_CONN_DATALAKE_DEFAULT": json.dumps(lake),
        **_what_to_take(hand, tolerant),
    }
    return processes.start(world.name, [world.program("airflow"), "dags", "test", AIRFLOW_DAG.stem], environment)


def run_prefect(
    world: World, hand: Hand, connection: Connection, processes: Processes, tolerant: bool
) -> subprocess.Popen[bytes]:
    """Run the flow once, as its file run by Python does; tolerant of files that cannot be uploaded."""
    world.home.mkdir(parents=True)
    environment = {
        **_clean_environment(world),
        "PREFECT_HOME": str(world.home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
        "DATALAKE_HOST": connection.host,
        "DATALAKE_API_TOKEN": connection.api_token,
        "DATALAKE_NAME": connection.datalake_name or "",
        **_what_to_take(hand, tolerant),
    }
    return processes.start(world.name, [world.program("python"), PREFECT_FLOW], environment)


def _what_to_take(hand: Hand, tolerant: bool) -> dict[str, str]:
    # All but one: where nothing at all can be uploaded, the pipeline has failed.
    most = {"DATALAKE_MAX_FAILED": str(len(hand.in_folder) - 1)} if tolerant else {}
    return {"DATALAKE_FOLDER": str(hand.folder), "DATALAKE_PREFIX": hand.prefix, **most}


def _airflow_environment(world: World) -> dict[str, str]:
    return {
        **_clean_environment(world),
        "AIRFLOW_HOME": str(world.home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(world.home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _clean_environment(world: World) -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED)}
    return {
        **passed,
        "PATH": f"{world.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        # A proxy of the environment must not stand between the parts of the demo.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }
