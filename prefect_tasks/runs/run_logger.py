"""Logger of the current run."""

from __future__ import annotations

from typing import Any

from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger


def run_logger() -> Any:
    """Return the run's logger, or a plain one outside a run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("prefect_tasks")
