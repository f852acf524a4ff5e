"""Cancellation of the jobs whose wait is stopped: in parallel, within seconds, except those that outlive it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

import anyio
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import Pause, TerminationSignal

from datalake_ops.config import RetryPolicy, Timeouts
from datalake_ops.errors import JobFailedError, JobKilledError
from datalake_ops.retryability import is_transient
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.idempotency import ON_STOP_LABEL
from prefect_tasks.runs.wait_options import outlives_its_run

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

# Prefect kills a cancelled run 30 s after asking it to stop; the job must have been cancelled by then. A platform gives
# a program that does not want to end 10 s or more, and answers only then.
_QUICKLY = {"retry": RetryPolicy(attempts=3, budget=10.0), "timeouts": Timeouts(5.0, 20.0, 20.0)}
_AT_ONCE = 32


@dataclass(frozen=True)
class CancelTarget:
    """A job to stop; one that was not seen yet may be one to leave alone, and is looked at first."""

    job: str
    is_unknown: bool = False


@contextmanager
def cancel_on_stop(cancel: Callable[[BaseException], None]) -> Iterator[None]:
    """Call `cancel` when the wait within is stopped: by Prefect, by a signal, by its deadline or by a mistake.

    Not when the job has ended, and not when Prefect will try or resume the wait again.
    """
    try:
        yield
    except BaseException as stop:
        if _is_a_stop(stop):
            _to_its_end(partial(cancel, stop))
        raise


@asynccontextmanager
async def acancel_on_stop(cancel: Callable[[BaseException], None]) -> AsyncIterator[None]:
    """Async form of `cancel_on_stop`; `cancel` runs in a thread, so that many waits of one loop cancel in parallel."""
    try:
        yield
    except GeneratorExit as stop:
        # The loop is gone, and nothing can be awaited any more.
        cancel(stop)
        raise
    except BaseException as stop:
        if _is_a_stop(stop):
            await _ato_its_end(partial(cancel, stop))
        raise


def cancel_jobs(credentials: DatalakeCredentials, jobs: Sequence[CancelTarget], logger: Any) -> None:
    """Ask the platform to stop jobs; a refusal is logged, for what stopped the wait matters more."""
    from datalake_ops.hook import DatalakeHook

    if not jobs:
        return
    with DatalakeHook.from_connection(credentials.connection.with_(**_QUICKLY)) as hook:
        if len(jobs) == 1:
            _cancel(hook, jobs[0], logger)
            return
        with ThreadPoolExecutor(min(len(jobs), _AT_ONCE)) as pool:
            list(pool.map(lambda job: _cancel(hook, job, logger), jobs))


def _cancel(hook: DatalakeHook, stoppable: CancelTarget, logger: Any) -> None:
    job = stoppable.job
    try:
        if stoppable.is_unknown:
            found = hook.get_job(job)
            if found.status.is_terminal or outlives_its_run((found.labels or {}).get(ON_STOP_LABEL)):
                return
        stopped = hook.cancel_job(job)
    except Exception:
        # Whatever it is, the other jobs are to be stopped, and the caller is to hear what stopped its wait.
        logger.exception("Job %s could not be cancelled and may go on at the platform.", job)
    else:
        logger.warning("Job %s was cancelled (%s), because its wait was stopped.", job, stopped.status)


def _is_a_stop(stop: BaseException) -> bool:
    return not isinstance(stop, (JobFailedError, JobKilledError, Pause)) and not _comes_again(stop)


def _comes_again(stop: BaseException) -> bool:
    """Return True if Prefect retries the wait, or its flow, after this failure, and so takes the job up again."""
    if not is_transient(stop):
        return False
    inside, flow = TaskRunContext.get(), FlowRunContext.get()
    if inside is not None and inside.task_run.run_count <= inside.task.retries:
        return True
    if flow is None or flow.flow is None or flow.flow_run is None:
        return False
    return flow.flow_run.run_count <= (flow.flow.retries or 0)


def _to_its_end(work: Callable[[], None]) -> None:
    """Do it in a thread, however often Prefect asks this one to stop meanwhile.

    A wait that has learned from Prefect that its run is cancelled gets the signal of the run's worker a moment later.
    """
    begun, doing = Lock(), Future[None]()

    def do_once() -> None:
        # A signal may come when the thread has been started and is not known to be.
        if begun.acquire(blocking=False):
            try:
                doing.set_result(work())  # type: ignore[func-returns-value]
            except BaseException as error:  # noqa: BLE001 (the thread that waits raises it)
                doing.set_exception(error)

    while not doing.done():
        with suppress(TerminationSignal):
            if not begun.locked():
                Thread(target=copy_context().run, args=(do_once,)).start()
            wait([doing])
    doing.result()


async def _ato_its_end(work: Callable[[], None]) -> None:
    """Do it in a thread, however often the await is cancelled meanwhile."""
    with ThreadPoolExecutor(1) as pool, anyio.CancelScope(shield=True):
        doing = asyncio.wrap_future(pool.submit(copy_context().run, work))
        while not doing.done():
            try:
                await asyncio.shield(doing)
            except asyncio.CancelledError:
                continue
