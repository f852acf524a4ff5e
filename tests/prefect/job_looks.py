"""Waiting until the platform shows what a test's next step needs: how a job stands, and that somebody asked for it."""

from __future__ import annotations

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import wait_until
from datalake_ops.wire.jobs import JobStatus

_SECONDS = 240.0


def await_status(lake: DatalakeHook, job: str, expected: JobStatus) -> None:
    """Wait until a job stands like this; one that is killed may live on for a while after the platform's answer."""

    def stands() -> bool:
        status = lake.get_job(job).status
        assert status is expected or not status.is_terminal
        return status is expected

    wait_until(f"job {job} is {expected}", stands, _SECONDS)


def await_first_look(platform: PlatformServer, job: str) -> None:
    """Wait until a job was asked for, and the platform has answered."""

    def answered() -> bool:
        return any(
            request["method"] == "GET" and request["path"].endswith(f"/job/{job}") and request["status"] is not None
            for request in platform.requests()
        )

    wait_until(f"somebody has looked at job {job}", answered, _SECONDS)
