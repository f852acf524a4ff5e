"""The trigger that waits for a job in the triggerer, and the event it ends with."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider.compat import AirflowException, BaseTrigger, TriggerEvent, task_state
from datalake_ops.errors import ConfigurationError, DatalakeError, JobWaitTimeoutError

ENDED = "ended"
TIMED_OUT = "timed out"
LOST = "lost"
# Airflow gives `on_kill` 30 s in all, and its triggerer may take half of that to answer a first question.
_STATE_SECONDS = 10.0
# Nobody else holds these tasks, and a task that nobody holds may vanish.
_CANCELLING: set[asyncio.Future[None]] = set()


@dataclass(frozen=True)
class JobEvent:
    """What the trigger tells the task: the job ended, the wait timed out, or the platform could not be asked."""

    job_id: str
    outcome: str
    message: str = ""

    @classmethod
    def read(cls, payload: Any) -> JobEvent:
        """Read an event's payload.

        Raises:
            AirflowException: it is not an event of this trigger.
        """
        if not isinstance(payload, dict) or payload.get("outcome") not in (ENDED, TIMED_OUT, LOST):
            raise AirflowException(f"The task was resumed by an event that JobTrigger never sends: {payload!r}")
        return cls(str(payload.get("job_id", "")), payload["outcome"], str(payload.get("message", "")))


class JobTrigger(BaseTrigger):
    """Waits until a job ended, whatever its outcome, and fires once.

    Args:
        datalake_conn_id: The Airflow connection; only its id is stored.
        job_id: The job.
        poll_interval: Seconds between polls; None lets them grow with the time waited.
        deadline_at: Wall-clock time to stop waiting at; None waits for ever.
        fire_after: Wall-clock time before which the event is held back.
    """

    def __init__(
        self,
        datalake_conn_id: str,
        job_id: str,
        poll_interval: float | None = None,
        deadline_at: float | None = None,
        fire_after: float = 0.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.datalake_conn_id = datalake_conn_id
        self.job_id = job_id
        self.poll_interval = poll_interval
        self.deadline_at = deadline_at
        self.fire_after = fire_after

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and what makes an equal trigger in another process; no host and no token."""
        names = ("datalake_conn_id", "job_id", "poll_interval", "deadline_at", "fire_after")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the job; fires one event, whose payload `JobEvent.read` reads."""
        event = await self._wait()
        # Airflow fails a task whose trigger fires before it has noticed that the task left its worker.
        await asyncio.sleep(max(0.0, self.fire_after - time.time()))
        yield TriggerEvent(asdict(event))  # type: ignore[no-untyped-call]

    async def _wait(self) -> JobEvent:
        # Half a second of imports would hold up every other trigger of this triggerer.
        await asyncio.to_thread(importlib.import_module, "datalake_ops.waiting.waiter")
        from airflow_provider.hooks.datalake import DatalakeHook
        from datalake_ops.waiting.waiter import await_job

        try:
            connection = await DatalakeHook.aconnection(self.datalake_conn_id)
            job = await await_job(
                connection, self.job_id, deadline_at=self.deadline_at, poll_interval=self.poll_interval
            )
        except JobWaitTimeoutError as error:
            return JobEvent(self.job_id, TIMED_OUT, str(error))
        except ConfigurationError as error:
            return JobEvent(self.job_id, LOST, str(error))
        except DatalakeError as error:
            return JobEvent(self.job_id, LOST, f"{type(error).__name__}: {error}")
        self.log.info("Job %s ended: %s", self.job_id, job.status)
        return JobEvent(self.job_id, ENDED)

    async def on_kill(self) -> None:
        """Cancel the job because a user failed, cleared or ended the waiting task (Airflow 3.3 and newer call this)."""
        # Airflow 3.3 cancels this very coroutine a second later, while it asks again for the trigger's end.
        cancelling = asyncio.ensure_future(self._cancel())
        _CANCELLING.add(cancelling)
        cancelling.add_done_callback(_CANCELLING.discard)
        await asyncio.shield(cancelling)

    async def _cancel(self) -> None:
        from airflow_provider.hooks.datalake import DatalakeHook
        from airflow_provider.stopping import cancel_job

        if await self._task_still_waits():
            self.log.warning("Job %s goes on: its task still waits, only this triggerer lost it.", self.job_id)
            return
        connection = await DatalakeHook.aconnection(self.datalake_conn_id)
        await asyncio.to_thread(cancel_job, connection, self.job_id)

    async def _task_still_waits(self) -> bool:
        """Whether the task is still deferred: a triggerer that lost its heartbeat is told to drop triggers too."""
        # apache/airflow #73454
        if self.task_instance is None:
            return False
        try:
            return await asyncio.wait_for(task_state(self.task_instance), _STATE_SECONDS) == "deferred"
        except asyncio.TimeoutError:
            self.log.warning("Airflow does not tell the task's state; it is taken as stopped.")
            return False
