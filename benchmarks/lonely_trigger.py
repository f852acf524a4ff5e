"""The trigger as it would be without a shared poll: each wait has a session and a loop of its own."""

from __future__ import annotations

from airflow_provider.triggers.job import JobTrigger
from datalake_ops.config import Connection


class LonelyTrigger(JobTrigger):
    """Waits for one job, alone."""

    async def _follow(self, connection: Connection) -> None:
        from datalake_ops.waiting.async_wait import await_job

        await await_job(connection, self.job_id, deadline_at=self.deadline_at, poll_interval=self.poll_interval)
