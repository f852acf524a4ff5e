"""The trigger that waits for a job in the triggerer."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider.compat import task_state
from airflow_provider.triggers.events import ENDED, LOST, TIMED_OUT, JobEvent, error_fields
from airflow_provider.triggers.token_refresh import with_current_token
from datalake_ops.errors import DatalakeError, JobWaitTimeoutError

if TYPE_CHECKING:
    from datalake_ops.config import Connection
    from datalake_ops.wire.jobs import Job

# Airflow 3.3 and newer.
_HAS_ON_KILL = hasattr(BaseTrigger, "on_kill")
# Airflow gives `on_kill` 30 s in all, and its triggerer may take half of that to answer a first question. The
# cancel has the other half.
_STATE_SECONDS = 15.0
# States of a task that still waits, or that goes on and sees to its job itself. Airflow before 3.3 also ends a trigger
# that is late, or whose task goes on; newer ones call `on_kill` only for users and for triggerers that were slow.
_IN_GOOD_HANDS = ("deferred",) if _HAS_ON_KILL else ("deferred", "scheduled", "queued", "running")
# Nobody else holds these tasks, and a task that nobody holds may vanish.
_UNDER_WAY: set[asyncio.Future[Any]] = set()


class JobTrigger(BaseTrigger):
    """Waits until a job ended, whatever its outcome, and fires once.

    All triggers of one connection in one triggerer share one poll (see `datalake_ops.waiting.shared_poller`).

    Args:
        datalake_conn_id: The Airflow connection; only its id is stored.
        job_id: The job.
        poll_interval: Seconds between polls; None lets them grow with the time waited.
        deadline_at: Wall-clock time to stop waiting at; None waits for ever.
        fire_after: Wall-clock time before which the event is held back.
        max_failed_polls: How many polls may fail in a row; None gives the platform five minutes.
        log_interval: Seconds between looks at the job's log, whose new lines appear in the task's; None shows none.
        log_cursor: Where the first of these looks begins.
        cancel_on_kill: Cancel the job when the task is failed, cleared or ended by a user.
        job_ids: All jobs of a wait for several, `job_id` among them; it ends with the first that did not succeed.
    """

    def __init__(
        self,
        datalake_conn_id: str,
        job_id: str,
        poll_interval: float | None = None,
        deadline_at: float | None = None,
        fire_after: float = 0.0,
        max_failed_polls: int | None = None,
        log_interval: float | None = None,
        log_cursor: int = 0,
        cancel_on_kill: bool = False,
        job_ids: Sequence[str] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.datalake_conn_id = datalake_conn_id
        self.job_id = job_id
        self.poll_interval = poll_interval
        self.deadline_at = deadline_at
        self.fire_after = fire_after
        self.max_failed_polls = max_failed_polls
        self.log_interval = log_interval
        self.log_cursor = log_cursor
        self.cancel_on_kill = cancel_on_kill
        self.job_ids = job_ids

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and what makes an equal trigger in another process; no host and no token."""
        names = (
            "datalake_conn_id", "job_id", "poll_interval", "deadline_at", "fire_after", "max_failed_polls",
            "log_interval", "log_cursor", "cancel_on_kill",
        )  # fmt: skip
        kwargs = {name: getattr(self, name) for name in names}
        # Triggers of one job stay readable for a triggerer of an earlier release.
        if self.job_ids is not None:
            kwargs["job_ids"] = list(self.job_ids)
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the job; fires one event, whose payload `JobEvent.read` reads."""
        try:
            event = await self._wait()
            # Airflow fails a task whose trigger fires before it has noticed that the task left its worker.
            await asyncio.sleep(max(0.0, self.fire_after - time.time()))
        except asyncio.CancelledError:
            if not _HAS_ON_KILL:
                # Airflow before 3.3 cancels for every reason alike, and waits for what is done about it.
                await self.on_kill()
            raise
        yield TriggerEvent(asdict(event))  # type: ignore[no-untyped-call]

    async def _wait(self) -> JobEvent:
        # Half a second of imports would hold up every other trigger of this triggerer.
        await asyncio.to_thread(importlib.import_module, "datalake_ops.waiting.shared_poller")
        try:
            job_id = await with_current_token(self.datalake_conn_id, self._follow_all)
        except JobWaitTimeoutError as error:
            return JobEvent(self.job_id, TIMED_OUT, str(error))
        except DatalakeError as error:
            return JobEvent(self.job_id, LOST, **error_fields(error))
        return JobEvent(job_id, ENDED)

    async def _follow_all(self, connection: Connection) -> str:
        """Wait for every job; return the id of the first that did not succeed, or of the last."""
        waits = [asyncio.ensure_future(self._follow(connection, one)) for one in self.job_ids or [self.job_id]]
        try:
            for wait in asyncio.as_completed(waits):
                job = await wait
                if not job.status.succeeded:
                    break
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return str(job.id)

    async def _follow(self, connection: Connection, job_id: str) -> Job:
        """Wait for one job and return it."""
        from datalake_ops.waiting.blocking_wait import JobWait
        from datalake_ops.waiting.log_tail import LogTail
        from datalake_ops.waiting.schedule import WaitSchedule
        from datalake_ops.waiting.shared_poller import shared_poller

        schedule = WaitSchedule(poll_interval=self.poll_interval, tolerated_failures=self.max_failed_polls)
        wait = JobWait(UUID(job_id), schedule, self.deadline_at)
        tail = None if self.log_interval is None else LogTail(self.log_cursor, self.log_interval)
        status = None
        async for seen in shared_poller(connection).follow(wait, tail):
            for line in seen.lines:
                self.log.info("| %s", line)
            if seen.job.status is not status:
                self.log.info("Job %s is %s.", job_id, seen.job.status)
            status = seen.job.status
        return seen.job

    async def on_kill(self) -> None:
        """Cancel the job because a user failed, cleared or ended the waiting task (Airflow 3.3 and newer call this)."""
        if not self.cancel_on_kill:
            return
        # Airflow 3.3 cancels this very coroutine a second later, while it asks again for the trigger's end.
        cancelling = asyncio.ensure_future(self._cancel())
        _UNDER_WAY.add(cancelling)
        cancelling.add_done_callback(_UNDER_WAY.discard)
        await asyncio.shield(cancelling)

    async def _cancel(self) -> None:
        from airflow_provider.hooks.cancel_job import cancel_job
        from airflow_provider.hooks.datalake import DatalakeHook
        from airflow_provider.hooks.lookup import alook_up

        if await self._is_in_good_hands():
            return
        self.log.warning("The task was stopped; job %s is cancelled.", self.job_id)
        # A secrets backend that is away for the moment must not leave the job running.
        connection = await alook_up(self.datalake_conn_id, lambda: DatalakeHook.aconnection(self.datalake_conn_id))
        await asyncio.to_thread(cancel_job, connection, self.job_id)

    async def _is_in_good_hands(self) -> bool:
        """Return True if only this trigger ends: the task still waits, or goes on and handles its job itself."""
        try:
            # A triggerer that was slow to tell that it lives is told to drop its triggers too (apache/airflow #73454).
            state = await _within(_STATE_SECONDS, task_state(self.task_instance))
        # Airflow does not answer in time, or answers with whatever error.
        except Exception:
            if _HAS_ON_KILL:
                self.log.warning("Airflow did not return the task's state; it counts as stopped.", exc_info=True)
                return False
            # Airflow before 3.3 ends every trigger of a triggerer that is restarted, and all of them ask at once.
            self.log.exception(
                "Job %s goes on: Airflow did not return whether its task was stopped. If it was, cancel the job.",
                self.job_id,
            )
            return True
        if state in _IN_GOOD_HANDS:
            self.log.warning("Job %s goes on: its task is %s, only this trigger ends.", self.job_id, state)
            return True
        return False


async def _within(seconds: float, question: Coroutine[Any, Any, str | None]) -> str | None:
    """The answer to a question, or TimeoutError; the question itself goes on.

    Airflow before 3.3 mixes up the answers of those who ask after one that was broken off.
    """
    asking = asyncio.ensure_future(question)
    _UNDER_WAY.add(asking)
    asking.add_done_callback(_UNDER_WAY.discard)
    await asyncio.wait({asking}, timeout=seconds)
    if not asking.done():
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    return asking.result()
