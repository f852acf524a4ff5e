"""Look-up of many jobs of one connection in as few requests as the platform allows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from uuid import UUID

from datalake_ops.client import jobs, lakes
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import DatalakeError
from datalake_ops.waiting.blocking_wait import ONE_TRY
from datalake_ops.waiting.log_tail import LINES, LogTail
from datalake_ops.wire.jobs import Job
from datalake_ops.wire.lakes import Extension

logger = logging.getLogger(__name__)

# Jobs in one batch at most, and requests under way at a time where there are no batches.
_BATCH = 1000
AT_ONCE = 8


class JobLookup:
    """Requests for jobs and their logs over an open session, batched where the platform offers it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._extensions: frozenset[str] | None = None

    async def look(self, wanted: Collection[UUID]) -> dict[UUID, Job | DatalakeError]:
        """Return every job as it is now, or the error of its request.

        Raises:
            DatalakeError: the whole request failed.
        """
        offers_batch = Extension.JOB_BATCH in await self._offered()
        organization = self._session.organization_id
        found: dict[UUID, Job | DatalakeError] = {}
        if offers_batch and organization is not None and len(wanted) > 1:
            for batch in _chunks(list(wanted), _BATCH):
                answered = await self._session.send(jobs.batch_jobs(organization, batch), ONE_TRY)
                found.update((job.id, job) for job in answered)
        # One by one where there is no batch, and for what a batch left out, to have the reason.
        for some in _chunks([job for job in wanted if job not in found], AT_ONCE):
            found.update(zip(some, await asyncio.gather(*(self._get(job) for job in some)), strict=True))
        return found

    async def new_lines(self, job: UUID, tail: LogTail, now: float) -> tuple[str, ...]:
        """Lines of a job's log since the last request; none where the platform offers no logs."""
        try:
            if Extension.JOB_LOGS not in await self._offered():
                return ()
            page = await self._session.send(jobs.job_logs(job, tail.cursor, LINES), ONE_TRY)
            if tail.misses_some(page):
                page = await self._session.send(jobs.job_logs(job, -LINES, LINES), ONE_TRY)
        except DatalakeError as error:
            # A log is for information only: no wait fails by it.
            logger.debug("The log of job %s could not be read: %s", job, error)
            return ()
        return tuple(tail.show(page, now))

    async def _get(self, job: UUID) -> Job | DatalakeError:
        try:
            return await self._session.send(jobs.get_job(job), ONE_TRY)
        except DatalakeError as error:
            return error

    async def _offered(self) -> frozenset[str]:
        if self._extensions is None:
            ping = await self._session.send(lakes.ping(), ONE_TRY)
            connection = self._session.connection
            if isinstance(connection.organization_id, UUID):
                self._session.organization_id = connection.organization_id
            elif connection.organization_name:
                find = lakes.find_organization(connection.organization_name)
                self._session.organization_id = await self._session.send(find, ONE_TRY)
            else:
                self._session.organization_id = ping.default_organization
            self._extensions = frozenset(ping.extensions)
        return self._extensions


def _chunks(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]
