"""Look-up of an Airflow connection that outlasts a secrets backend which fails for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from airflow_provider.compat import AIRFLOW_ERRORS, ask_airflow, secrets_backends

T = TypeVar("T")
# Seconds for which a look-up is repeated: as long as a platform that does not answer is asked again.
PATIENCE_SECONDS = 300.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0
_LOG = logging.getLogger(__name__)


def look_up(conn_id: str, ask: Callable[[], T], job_runs: bool) -> T:
    """Call `ask` until it returns, for five minutes, while a secrets backend fails or a job runs.

    Airflow swallows the error of a backend and reports that there is no such connection. A task that has started a job
    has read its connection before, so there the connection is away for the moment. Before that a connection that no
    backend has fails at once.

    Raises:
        AirflowException: there is no such connection, or the five minutes are over.
    """
    pauses = _pauses()
    while True:
        try:
            return ask()
        except PermissionError:
            # Airflow has denied this task the connection, which no repetition changes.
            raise
        except AIRFLOW_ERRORS as error:
            pause = next(pauses, None)
            if pause is None or not (job_runs or backend_fails(conn_id)):
                raise
            _warn(conn_id, error, pause)
            time.sleep(pause)


async def alook_up(conn_id: str, ask: Callable[[], Awaitable[T]], job_runs: bool = True) -> T:
    """Do the same from a trigger, without blocking its event loop."""
    pauses = _pauses()
    while True:
        try:
            return await ask()
        except PermissionError:
            raise
        except AIRFLOW_ERRORS as error:
            pause = next(pauses, None)
            if pause is None or not (job_runs or await ask_airflow(backend_fails, conn_id)):
                raise
            _warn(conn_id, error, pause)
            await asyncio.sleep(pause)


def backend_fails(conn_id: str) -> bool:
    """Return True if a secrets backend raises an error when it is asked for a connection, or has it by now."""
    for backend in secrets_backends():
        try:
            if backend.get_connection(conn_id=conn_id) is not None:
                return True
        except PermissionError:
            return False
        # A backend of somebody's own may raise whatever it likes.
        except Exception as error:  # noqa: BLE001
            _LOG.warning("The secrets backend %s fails: %s: %s", type(backend).__name__, type(error).__name__, error)
            return True
    return False


def _pauses() -> Iterator[float]:
    """Seconds before each repetition, from 1 to 15, until the five minutes are over."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, _FIRST_PAUSE
    while time.monotonic() < deadline:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def _warn(conn_id: str, error: Exception, pause: float) -> None:
    _LOG.warning(
        "The Airflow connection %r cannot be looked up; the next try is in %.0f s. %s: %s",
        conn_id, pause, type(error).__name__, error,
    )  # fmt: skip
