"""Options of waits: how a run waits for a job, and what becomes of the job when the run is stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from datalake_ops.waiting.cancel_policy import DETACH, OnStop

__all__ = ["OnStop", "OnStopParameter", "Seconds", "WaitMode", "outlives_its_run"]

# A number of seconds, or a timedelta; their texts are taken too.
Seconds = float | timedelta
WaitMode = Literal["auto", "poll", "suspend"]
# Prefect checks the parameters of flows, and stored deployments may hold the former word for "leave".
OnStopParameter = Literal["cancel", "leave", "detach"]


def outlives_its_run(label: str | None) -> bool:
    """Return True if a job's label, perhaps that of an earlier release, says that the job goes on without its run."""
    return label in ("leave", DETACH)
