"""Jobs: what the platform does in its own time, and how far it is."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from datalake_ops.wire.lakes import Datalake
from datalake_ops.wire.model import Choice, OptionalAddressedMapping, WireModel


class JobStatus(Choice):
    """Status of a job; the first generation's words (dataset operations) stand beside the second's."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    SUCCESS = "SUCCESS"
    TERMINATED = "TERMINATED"

    @property
    def is_terminal(self) -> bool:
        """True if the job will not change any more."""
        return self not in (JobStatus.PENDING, JobStatus.QUEUED, JobStatus.RUNNING)

    @property
    def succeeded(self) -> bool:
        """True if the job succeeded."""
        return self in (JobStatus.SUCCEEDED, JobStatus.SUCCESS)


class JobKind(Choice):
    """Kind of a job of the embedded platform."""

    IMPORT = "IMPORT"
    PROCESSING = "PROCESSING"


class OnChanged(Choice):
    """Treatment of an object that was overwritten in the bucket since its import (extension `import-changed`)."""

    SKIP = "skip"
    UPDATE = "update"
    NEW = "new"


class Job(WireModel):
    """A job and, where the platform tells it, when it ran, what it counted and why it ended."""

    id: UUID
    status: JobStatus
    type: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    reason: str | None = None
    counts: dict[str, int] | None = None
    labels: dict[str, str] | None = None
    processing_job: OptionalAddressedMapping = None


class ImportAnswer(WireModel):
    """Answer to an import: the lake, refreshed, and the job that imports."""

    datalake: Datalake
    job: Job


class LogPage(WireModel):
    """Lines of a job's log from a cursor on; ask again from `next_cursor` for what came since."""

    lines: tuple[str, ...]
    next_cursor: int


# Headers of the embedded platform's extensions `idempotency-key` and `job-labels`.
IDEMPOTENCY_HEADER = "Idempotency-Key"
# Label with the address of the run that started a job, in its orchestrator.
RUN_URL_LABEL = "run_url"
LABELS_HEADER = "X-Datalake-Job-Labels"
