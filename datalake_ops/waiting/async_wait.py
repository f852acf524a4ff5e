"""The loop that awaits the end of a job, for triggers and async tasks; it holds no thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from datalake_ops.client import jobs
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.config import Connection
from datalake_ops.errors import DatalakeError
from datalake_ops.waiting.blocking_wait import ONE_TRY, TRANSIENT, JobWait, OnPoll
from datalake_ops.waiting.schedule import WaitSchedule
from datalake_ops.wire.jobs import Job

Rest = Callable[[float], Awaitable[None]]


async def await_until_ended(wait: JobWait, session: AsyncSession, rest: Rest = asyncio.sleep) -> Job:
    """Await the end of the job, whatever its outcome, over an open session; `rest` pauses for seconds."""
    while True:
        problem: DatalakeError | None = None
        try:
            if wait.saw(job := await session.send(jobs.get_job(wait.job_id), ONE_TRY)):
                return job
        except TRANSIENT as error:
            problem = error
        await rest(wait.pause(problem))


async def await_job(
    connection: Connection,
    job_id: UUID | str,
    *,
    deadline_at: float | None = None,
    poll_interval: float | None = None,
    on_poll: OnPoll | None = None,
    rest: Rest = asyncio.sleep,
) -> Job:
    """Await the end of a job over a session of its own and return it, whatever its outcome.

    Args:
        deadline_at: wall-clock time (seconds since the epoch) to stop waiting at; None waits for ever.
        poll_interval: seconds between polls; None lets them grow from 0.25 to 10 s.
        on_poll: called with the job after every poll.
        rest: pauses for seconds; one that raises ends the wait.

    Raises:
        JobWaitTimeoutError: the deadline came first; the job goes on.
        AnswerError: the platform refused the request (wrong token, unknown job).
        NetworkError: the platform has not answered for five minutes.
    """
    schedule = WaitSchedule(timeout=None, poll_interval=poll_interval)
    organization = connection.organization_id if isinstance(connection.organization_id, UUID) else None
    async with AsyncSession(connection, organization) as session:
        return await await_until_ended(JobWait(UUID(str(job_id)), schedule, deadline_at, on_poll), session, rest)
