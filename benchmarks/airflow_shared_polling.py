"""What hundreds of deferred waits cost: requests per interval, CPU of the triggerer and of the platform.

    .venvs/airflow/bin/python benchmarks/airflow_shared_polling.py [--waits 500] [--interval 10] [--seconds 60]

A real Airflow runs one mapped `JobSensor`; its task instances are put into the state that a deferral leaves, all at
once, for that is not what is measured. Then its real triggerer waits: first with a loop and a session for each wait, as
is usual, then with the shared poll, then with the shared poll and every log followed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from datalake_ops.testing.airflow import CONNECTION_VARIABLE, AirflowServer, airflow_connection
from datalake_ops.testing.server import PlatformServer
from datalake_ops.wire import routes

HERE = Path(__file__).resolve().parent
LONELY, SHARED = "lonely_trigger.LonelyTrigger", "airflow_provider.triggers.job.JobTrigger"
MODES = {"a poll for each": (LONELY, None), "one shared poll": (SHARED, None), "shared, with logs": (SHARED, 10.0)}
DAG = """
from airflow.sdk import dag
from airflow_provider.sensors.job import JobSensor

@dag(schedule=None, max_active_tasks=1)
def waiting():
    JobSensor.partial(task_id="wait", deferrable=True).expand(job_id={ids})

waiting()
"""
# Run in Airflow's environment: leaves every task instance as a deferral leaves it, with a trigger of its own.
DEFER = """
import json, sys, time
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session

asked = json.load(sys.stdin)
with create_session() as session:
    for ti in session.query(TaskInstance).filter_by(dag_id="waiting", task_id="wait").order_by(TaskInstance.map_index):
        job_id = asked["ids"][ti.map_index]
        trigger = Trigger(classpath=asked["classpath"], kwargs={**asked["kwargs"], "job_id": job_id})
        session.add(trigger)
        session.flush()
        ti.trigger_id, ti.state, ti.next_method = trigger.id, "deferred", "execute_complete"
"""
RELEASE = """
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session

with create_session() as session:
    session.query(TaskInstance).filter_by(dag_id="waiting", task_id="wait").update({"state": "failed"})
"""


def main() -> None:
    """Measure each mode, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waits", type=int, default=500)
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="datalake-ops-bench-"))
    try:
        # One job runs, the others wait for its processor: a wait does not care.
        arguments = ["--cpus", "1", "--program", "bench/patient=/bin/sleep 3600"]
        with PlatformServer(home=folder / "platform", arguments=arguments) as platform:
            ids = launched(platform, options.waits, folder)
            try:
                figures = measured(platform, ids, options, folder)
            finally:
                # A platform that ends leaves the programs of its jobs to the next one on its folder.
                with platform.hook() as hook:
                    for job in ids:
                        hook.cancel_job(job)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for mode, found in figures.items():
        print(
            f"{mode:20} {found['requests_per_interval']:8.1f} requests in {options.interval:g} s   triggerer "
            f"{found['triggerer_cpu_percent']:5.1f} % of a CPU   platform {found['platform_cpu_percent']:5.1f} %"
        )
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "airflow_shared_polling.json").write_text(json.dumps({**vars(options), "modes": figures}, indent=2))


def launched(platform: PlatformServer, count: int, folder: Path) -> list[str]:
    """Ids of that many jobs that do not end."""
    from PIL import Image

    Image.new("RGB", (16, 16)).save(folder / "one.png")
    with platform.hook() as hook:
        processings = routes.PROCESSINGS.format(organization=hook.context.organization.id)
        image = {"docker_image": "bench/patient", "docker_tag": "latest", "docker_flags": None}
        defaults = {"default_cpu": 1, "default_gpu": 0, "default_parameters": {}}
        named = {"name": "patient", "target": "DATALAKE", "description": None, "type": None}
        platform.admin("POST", processings, {**named, **image, **defaults})
        data = hook.upload(folder / "one.png").data.ids
        return [str(hook.launch_processing("patient", data).id) for _ in range(count)]


def measured(
    platform: PlatformServer, ids: list[str], options: argparse.Namespace, folder: Path
) -> dict[str, dict[str, float]]:
    """The figures of each mode."""
    dags = folder / "dags"
    dags.mkdir()
    (dags / "waiting.py").write_text(DAG.format(ids=ids))
    environment = {CONNECTION_VARIABLE: airflow_connection(platform), "PYTHONPATH": f"{HERE}:{HERE.parent}"}
    with AirflowServer(dags, environment, home=folder / "airflow") as server:
        run_id = server.trigger("waiting")
        wait_for(lambda: len(server.task_states("waiting", run_id)) >= len(ids))
        server.kill("scheduler")
        return {mode: one_mode(server, platform, ids, how, options) for mode, how in MODES.items()}


def one_mode(
    server: AirflowServer,
    platform: PlatformServer,
    ids: list[str],
    how: tuple[str, float | None],
    options: argparse.Namespace,
) -> dict[str, float]:
    """What a time of waiting costs, after the triggerer has taken up every wait."""
    classpath, log_interval = how
    kwargs = {"datalake_conn_id": "datalake_default", "poll_interval": options.interval, "log_interval": log_interval}
    in_airflow(server, DEFER, {"classpath": classpath, "kwargs": kwargs, "ids": ids})
    wait_for(lambda: claimed(server) >= len(ids))
    wait_until_steady(platform, options.interval)
    processes = [psutil.Process(server.pid("triggerer")), *psutil.Process(server.pid("triggerer")).children(True)]
    platform.clear_requests()
    before, platform_before, started = cpu(processes), cpu([psutil.Process(platform.pid)]), time.monotonic()
    requests = 0
    while time.monotonic() - started < options.seconds:
        # The journal keeps the last requests only.
        time.sleep(min(2.0, options.interval))
        requests += len([one for one in platform.requests() if not one["path"].startswith("/_admin")])
        platform.clear_requests()
    seconds = time.monotonic() - started
    found = {
        "requests_per_interval": requests * options.interval / seconds,
        "triggerer_cpu_percent": 100 * (cpu(processes) - before) / seconds,
        "platform_cpu_percent": 100 * (cpu([psutil.Process(platform.pid)]) - platform_before) / seconds,
    }
    in_airflow(server, RELEASE)
    wait_for(lambda: claimed(server) == 0)
    return found


def wait_until_steady(platform: PlatformServer, interval: float) -> None:
    """Wait until two intervals in a row see about as many requests: a triggerer takes its time to begin hundreds."""
    before = -1
    for _ in range(30):
        platform.clear_requests()
        time.sleep(interval)
        now = len(platform.requests())
        if before >= 0 and abs(now - before) <= max(2, before // 20):
            return
        before = now


def claimed(server: AirflowServer) -> int:
    """How many waits the triggerer has taken up and not yet let go."""
    with sqlite3.connect(f"file:{server.home / 'airflow.db'}?mode=ro", uri=True) as database:
        [(count,)] = database.execute("SELECT count(*) FROM trigger WHERE triggerer_id IS NOT NULL")
    return int(count)


def in_airflow(server: AirflowServer, code: str, told: Any = None) -> None:
    """Run code with the server's settings."""
    environment = {**os.environ, **server.environment}
    subprocess.run([sys.executable, "-c", code], input=json.dumps(told), text=True, check=True, env=environment)


def cpu(processes: list[psutil.Process]) -> float:
    """Seconds of CPU that the processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 300
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("It did not come about in five minutes.")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
