"""Logger of the current run, and the words for waits and stops."""

from __future__ import annotations

from typing import Any, Literal

from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger

OnStop = Literal["cancel", "detach"]

WaitMode = Literal["auto", "poll", "suspend"]


def run_logger() -> Any:
    """The run's logger, or a plain one outside a run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("prefect_tasks")
