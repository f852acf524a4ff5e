"""The job service of one server."""

from __future__ import annotations

from datalake_ops.platform.services import Services


class LocalJobs:
    """`services.JobService`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def start(self) -> None:
        """Adopt the jobs of an earlier run and begin to work."""

    async def stop(self) -> None:
        """Stop working; programs already started go on by themselves."""


def open_jobs(services: Services) -> LocalJobs:
    """The job service of a server."""
    return LocalJobs(services)
