"""Lakes, organizations and what the platform says of itself."""

from __future__ import annotations

from uuid import UUID

from datalake_ops.wire.model import Choice, WireModel


class Extension(Choice):
    """Feature that a platform may offer beyond the public API; it announces these names in its ping."""

    IDEMPOTENCY_KEY = "idempotency-key"
    JOB_KILL = "job-kill"
    JOB_LABELS = "job-labels"
    JOB_LOGS = "job-logs"
    JOB_BATCH = "job-batch"
    OBJECT_STAT = "object-stat"
    MULTIPART_PARTS = "multipart-parts"
    # Names and presigned addresses for many files in one request.
    PRESIGNED_BATCH = "presigned-batch"
    CHANGES = "changes"
    # The ping lists the content types that the platform reads.
    READABLE_TYPES = "readable-types"
    # Imports take `fill_metadata`.
    IMPORT_METADATA = "import-metadata"
    IMPORT_CHANGED = "import-changed"
    # Admins choose the commands that run in place of docker images.
    PROGRAMS = "programs"


class Ping(WireModel):
    """Answer to `GET /api/home/ping`: who the token belongs to and what the platform offers."""

    username: str
    sdk_version: str
    default_organization: UUID | None = None
    extensions: tuple[str, ...] = ()
    readable_types: tuple[str, ...] = ()


class Organization(WireModel):
    """An organization and the storage connector it uses by default."""

    id: UUID
    name: str
    default_connector_id: UUID | None = None


class Datalake(WireModel):
    """A lake and the storage connector its files live on."""

    id: UUID
    name: str
    connector_id: UUID | None = None
