"""States in which a Prefect run has been stopped."""

from __future__ import annotations

# Prefect's word for a run whose time was over; for every other failure the run's jobs may be wanted by a retry.
TIMED_OUT = "TimedOut"

STOPPED = ("Cancelled", "Crashed", TIMED_OUT)
