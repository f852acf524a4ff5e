"""`ingest_folder` on a real Dask cluster and a real Ray: one argument, each file once, also when a worker dies."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import wait_until
from prefect_tasks import DatalakeCredentials, ingest_folder

pytestmark = [
    pytest.mark.usefixtures("prefect_api"),
    # What clusters leave open when they end, and what they deprecate, is theirs.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning"),
]
FILES = 24


@pytest.fixture
def saved(prefect_api: None, credentials: DatalakeCredentials, lake: DatalakeHook) -> str:
    name = str(lake.context.datalake.name)
    credentials.save(name)
    return name


@pytest.fixture
def folder(an_image: Callable[[str], Path]) -> Path:
    images = [an_image(f"in/{number:02}.png") for number in range(FILES)]
    return images[0].parent


@pytest.fixture(scope="module")
def cluster(prefect_api: None) -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as running:
        yield running


def assert_each_is_there_once(lake: DatalakeHook) -> None:
    assert sorted(data.filename for data in lake.list_data()) == [f"{number:02}.png" for number in range(FILES)]


def test_dask_uploads_every_shard_once(lake: DatalakeHook, saved: str, folder: Path, cluster: LocalCluster) -> None:
    options = {"address": cluster.scheduler_address}

    summary = ingest_folder(str(folder), credentials=saved, max_files=4, runner="dask", runner_options=options)

    assert (summary["counts"]["UPLOADED"], summary["shards"]) == (FILES, 6)
    assert_each_is_there_once(lake)


def test_dask_loses_and_doubles_nothing_when_a_worker_dies(
    platform: PlatformServer, lake: DatalakeHook, saved: str, folder: Path, cluster: LocalCluster, tmp_path: Path
) -> None:
    platform.script_fault("POST", "/api/datalake/.*/datas", delay=2.0, count=1000)
    killed: list[int] = []

    killer = threading.Thread(target=_kill_when_it_works, args=(cluster, platform, lake, killed))
    killer.start()

    summary = ingest_folder(
        str(folder),
        credentials=saved,
        max_files=4,
        max_workers=1,
        runner="dask",
        runner_options={"address": cluster.scheduler_address},
        checkpoints=str(tmp_path / "checkpoints"),
    )
    killer.join()

    counts = summary["counts"]
    assert killed
    assert counts["UPLOADED"] + counts["SKIPPED"] == summary["files"] == FILES
    assert_each_is_there_once(lake)


def _kill_when_it_works(cluster: LocalCluster, platform: PlatformServer, lake: DatalakeHook, killed: list[int]) -> None:
    # All that takes time is done before the work begins, which must not end meanwhile.
    with Client(cluster.scheduler_address) as client:
        pids = client.run(os.getpid)
        wait_until("some files are uploaded", lambda: lake.count_data() >= 2)
        busy = next(worker for worker, tasks in client.processing().items() if tasks)
    os.kill(pids[busy], signal.SIGKILL)
    killed.append(pids[busy])
    platform.clear_faults()


def test_ray_uploads_every_shard_once(lake: DatalakeHook, saved: str, folder: Path) -> None:
    options = {"init_kwargs": {"num_cpus": 2, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}}

    summary = ingest_folder(str(folder), credentials=saved, max_files=4, runner="ray", runner_options=options)

    assert (summary["counts"]["UPLOADED"], summary["shards"]) == (FILES, 6)
    assert_each_is_there_once(lake)


def test_the_runner_of_the_flow_is_used_when_none_is_named(
    lake: DatalakeHook, saved: str, folder: Path, cluster: LocalCluster
) -> None:
    from prefect_dask import DaskTaskRunner

    spread = ingest_folder.with_options(task_runner=DaskTaskRunner(address=cluster.scheduler_address))

    assert spread(str(folder), credentials=saved, max_files=12)["shards"] == 2
    assert_each_is_there_once(lake)
