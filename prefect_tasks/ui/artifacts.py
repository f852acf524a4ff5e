"""Artifacts of a run: progress, links, tables.

An artifact that Prefect refuses fails nothing: that is logged, and the work goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import get_client, runtime
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import redact_error

if TYPE_CHECKING:
    from datalake_ops.upload.progress import Progress

# Prefect keeps the artifacts of one key together, newest first, over all runs.
PROGRESS, PAGE, SUMMARY, SAMPLE, LINEAGE = (
    f"datalake-{name}" for name in ("progress", "page", "summary", "sample", "lineage")
)
# Each update is a request and an event at the server.
_EVERY = 5.0
_MOST_ROWS = 50


def create(kind: str, key: str, data: Any, description: str | None = None) -> UUID | None:
    """Attach an artifact to this run, and return its id; None outside any run, or when Prefect does not take it."""
    task_run, flow_run = runtime.task_run.id, runtime.flow_run.id
    if not (task_run or flow_run):
        return None
    made: list[UUID] = []
    with log_failures(f"Prefect did not take the artifact {key}"):
        wanted = ArtifactCreate(
            type=kind,
            key=key,
            data=data,
            description=description,
            task_run_id=UUID(str(task_run)) if task_run else None,
            flow_run_id=UUID(str(flow_run)) if flow_run else None,
        )
        with get_client(sync_client=True) as client:
            made.append(client.create_artifact(wanted).id)
    return made[0] if made else None


def update(artifact: UUID, data: Any, description: str | None = None) -> None:
    """Replace the content of an artifact."""
    with log_failures("Prefect did not take an artifact"), get_client(sync_client=True) as client:
        client.update_artifact(artifact, ArtifactUpdate(data=data, description=description))


def link(address: str, text: str) -> None:
    """Create an artifact with a link to a page of the platform."""
    create("markdown", PAGE, f"[{text}]({address})", text)


def table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Create a table of at most 50 rows; the last one counts those that are left out."""
    shown = [dict(row) for row in rows[:_MOST_ROWS]]
    if left := len(rows) - len(shown):
        shown.append({**dict.fromkeys(rows[0], ""), next(iter(rows[0])): f"... and {left} more"})
    create("table", key, json.dumps(shown), description)


class ProgressArtifact:
    """One progress artifact of this run, changed every 5 s at most, with the rate and the time left."""

    def __init__(self, what: str, every: float = _EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._every = every
        self._clock = clock
        self._next_at = clock()
        self._artifact: UUID | None = None

    def __call__(self, percent: float, text: str) -> None:
        """Update the artifact, if it is due."""
        if self._clock() >= self._next_at:
            self._tell(percent, text)

    def end(self, text: str, percent: float = 100.0) -> None:
        """Write the final state, if the artifact exists."""
        if self._artifact is not None:
            self._tell(percent, text)

    def _tell(self, percent: float, text: str) -> None:
        # Also after a failure: a server that is away must not be asked at every turn.
        self._next_at = self._clock() + self._every
        value, told = min(max(round(percent, 1), 0.0), 100.0), f"{self._what}: {text}"
        if self._artifact is None:
            self._artifact = create("progress", PROGRESS, value, told)
        else:
            update(self._artifact, value, told)


class UploadProgressArtifact(ProgressArtifact):
    """The progress of an upload, for `on_progress`."""

    def __init__(self, what: str, every: float = _EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(what, every, clock)
        self._began_at = clock()

    def take(self, progress: Progress) -> None:
        """Update the artifact from an upload's progress, if it is due."""
        from datalake_ops.upload.progress import Throughput

        percent = 100.0 * progress.done / progress.total if progress.total else 0.0
        self(percent, str(Throughput(progress, self._clock() - self._began_at)))


def summary_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An upload's summary as rows: how many files ended how, then each failed file with its reason."""
    rows = [
        {"what": status.lower(), "files": count, "reason": ""} for status, count in summary["counts"].items() if count
    ]
    told = map(redact_error, summary["errors"])
    rows += [{"what": one["path"], "files": 1, "reason": one["error"]} for one in told]
    if summary["errors_left_out"]:
        rows.append({"what": "failed, not named here", "files": summary["errors_left_out"], "reason": "see the report"})
    return rows


@contextmanager
def log_failures(what: str) -> Iterator[None]:
    """Log errors of the block, after the text `what`, and go on: artifacts must not fail the work that they show."""
    logger = run_logger()
    try:
        yield
    except Exception:
        # A server that is away, or too old, or a full disk must not end an upload or a wait.
        logger.warning("%s; the work goes on.", what, exc_info=True)
