"""Flows whose runs the tests stop, lose, suspend and resume; each start of one adds a line to its note."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prefect import flow, runtime, serve
from prefect.transactions import transaction

import prefect_tasks.waits.suspension
from prefect_tasks import (
    DatalakeJob,
    await_job,
    await_jobs,
    datalake_guards,
    launch_processing,
    list_data,
    tag_data,
    wait_for_job,
    wait_for_jobs,
)
from prefect_tasks.blocks import load_credentials

LAKE = "datalake"
LONGER_THAN_ANY_TEST = 3600


def tell(note: str) -> int:
    """Note that the run has started, in which process, and return how often it has by now."""
    with Path(note).open("a") as file:
        file.write(f"{os.getpid()} {runtime.flow_run.id}\n")
    return len(Path(note).read_text().splitlines())


def start(processing: str = "patient", key: str = "", credentials: str = LAKE, **options: Any) -> str:
    return launch_processing(credentials, processing, tags="ingested", key=key, **options)


@flow
def direct(note: str) -> None:
    """Wait as most flows do."""
    tell(note)
    wait_for_job(LAKE, start())


@flow
def submitted(note: str) -> None:
    """Wait in a thread, which hears of no signal."""
    tell(note)
    wait_for_job.submit(LAKE, start(), poll_interval=20.0).result()


@flow
async def awaited(note: str) -> None:
    """Wait in an event loop."""
    tell(note)
    await await_job(LAKE, start())


@flow
def inner(note: str) -> None:
    tell(note)
    wait_for_job(LAKE, start())


@flow
def outer(note: str) -> None:
    """Let a subflow wait."""
    inner(note)


@flow(timeout_seconds=120)
def hasty(note: str) -> None:
    """Have less time than the job needs."""
    tell(note)
    wait_for_job(LAKE, start())


@flow(timeout_seconds=120)
async def ahasty(note: str) -> None:
    """Have less time than the job needs, in an event loop."""
    tell(note)
    await await_job(LAKE, start())


@flow
def impatient(note: str) -> None:
    """Give the task that waits less time than the job needs."""
    tell(note)
    wait_for_job.with_options(timeout_seconds=120)(LAKE, start())


@flow(**datalake_guards())
def guarded(note: str) -> None:
    """Start two jobs, one of them to outlive the run, and never get to wait for them."""
    tell(note)
    start()
    start(key="second", on_stop="detach")
    time.sleep(LONGER_THAN_ANY_TEST)


@flow
def compensating(note: str, tag: str) -> None:
    """Tag data in a transaction, and be stopped before it ends."""
    tell(note)
    with transaction():
        tag_data(LAKE, list_data(LAKE, tags=["ingested"]), add=[tag])
        wait_for_job(LAKE, start())


@flow
def patient(note: str, credentials: str) -> dict[str, Any]:
    """Wait for a job that the test ends, at another lake."""
    tell(note)
    return wait_for_job(credentials, start("until-told", credentials=credentials), poll_interval=1.0)


@flow(retries=1)
def unlucky(note: str) -> dict[str, Any]:
    """Fail once by itself and once for good, each time after the launch."""
    starts = tell(note)
    job = start("until-told")
    if starts < 3:
        raise RuntimeError("after the launch")
    return wait_for_job(LAKE, job)


@flow(persist_result=True)
def suspended(note: str, count: int = 1, timeout: float = LONGER_THAN_ANY_TEST) -> list[dict[str, Any]]:
    """Start jobs and wait for all of them without a process."""
    tell(note)
    jobs = [start("until-told", key=str(number)) for number in range(count)]
    return wait_for_jobs(LAKE, jobs, timeout=timeout, wait="suspend")


@flow(persist_result=True)
def stepwise(note: str) -> list[str]:
    """Wait for one job after the other, each time suspended."""
    tell(note)
    done = [wait_for_job(LAKE, start("until-told", key=str(number)), wait="suspend") for number in range(2)]
    return [job["status"] for job in done]


@flow(persist_result=True)
def joining(note: str, job: str) -> dict[str, Any]:
    """Wait for a job that another run has started."""
    tell(note)
    return wait_for_job(LAKE, job, wait="suspend")


@flow(persist_result=True)
async def asuspended(note: str) -> list[dict[str, Any]]:
    """Do it in an event loop, by itself after a while, with another wait going on in a thread."""
    prefect_tasks.waits.suspension.PATIENCE_SECONDS = 2.0
    tell(note)
    jobs = [start("until-told", key=str(number)) for number in range(2)]
    other = wait_for_job.submit(LAKE, jobs[1])
    done = await await_jobs(LAKE, jobs)
    other.result()
    return done


@flow(persist_result=True)
def by_block(note: str) -> dict[str, Any]:
    """Wait for a job block's run."""
    tell(note)
    block = DatalakeJob(credentials=load_credentials(LAKE), processing="until-told", tags=["ingested"], wait="suspend")
    run = block.trigger()
    run.wait_for_completion()
    return run.fetch_result()


SCRIPTS = {one.fn.__name__: one for one in (direct, submitted, awaited, compensating)}
SERVED = (direct, hasty, ahasty, impatient)
POOLED = (
    direct, submitted, awaited, outer, guarded, compensating, patient, unlucky, suspended, stepwise, joining,
    asuspended, by_block,
)  # fmt: skip


def deploy(flows: Iterable[Any], pool: str) -> None:
    for one in flows:
        stored: Any = one.from_source(str(Path(__file__).parent), f"{Path(__file__).name}:{one.fn.__name__}")
        stored.deploy(name=pool, work_pool_name=pool, ignore_warnings=True, print_next_steps=False)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", pool, other_pool]:
            deploy(POOLED, pool)
            deploy([direct], other_pool)
            serve(*(one.to_deployment(name="served") for one in SERVED))
        case ["run", name, *arguments]:
            done = SCRIPTS[name](*arguments)
            if inspect.isawaitable(done):
                asyncio.run(done)
