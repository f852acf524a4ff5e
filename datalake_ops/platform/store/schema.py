"""Tables of the platform, as SQLAlchemy Core.

Tables that are joined in large numbers (lakes, tags, sources, data) have an integer key for joins and an `id` for the
wire. `data.seq` is the order of registration and the keyset of listings.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

from datalake_ops.platform.store.types import Id, Json, Moment

# Raised by one whenever a table changes; a database of a higher version is refused.
SCHEMA_VERSION = 6

metadata = MetaData()

installation = Table(
    "installation",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

organization = Table(
    "organization",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("default_connector_id", Id, nullable=False),
    Column("default_lake_id", Id, nullable=False),
    Column("created_at", Moment, nullable=False),
)

# Order of creation, which the moments are not: a clock may be set back.
ORGANIZATION_ORDER: ColumnElement[int] = literal_column("organization.rowid")

user = Table(
    "user",
    metadata,
    Column("id", Id, primary_key=True),
    Column("organization_id", Id, ForeignKey("organization.id", ondelete="CASCADE"), nullable=False),
    Column("username", String, nullable=False),
    UniqueConstraint("organization_id", "username"),
)

# Only the SHA-256 of a token is stored. A token with a job belongs to that job's program and is deleted with its end.
token = Table(
    "token",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("organization_id", Id, ForeignKey("organization.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Id, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", Id, index=True),
    Column("created_at", Moment, nullable=False),
    Column("name", String),
    # Allows the admin routes.
    Column("is_admin", Boolean, nullable=False, default=False, server_default=text("0")),
    Column("expires_at", Moment),
    # Written some seconds after the use.
    Column("last_used_at", Moment),
)

# Sessions of the console, and codes that open one once. Only the SHA-256 of what a browser holds is stored; both end
# with the token that they stand for.
console_session = Table(
    "console_session",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("token_digest", LargeBinary(32), ForeignKey("token.digest", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

console_code = Table(
    "console_code",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("token_digest", LargeBinary(32), ForeignKey("token.digest", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", Moment, nullable=False),
)

# `settings` locates the storage; null means the folders under the server's home.
connector = Table(
    "connector",
    metadata,
    Column("id", Id, primary_key=True),
    Column("organization_id", Id, ForeignKey("organization.id", ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("client_type", String, nullable=False),
    Column("settings", Json),
)

lake = Table(
    "lake",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", Id, nullable=False, unique=True),
    Column("organization_id", Id, ForeignKey("organization.id", ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("connector_id", Id, ForeignKey("connector.id"), nullable=False),
    Column("allow_extra_custom_metadata", Boolean, nullable=False, default=True),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("organization_id", "name"),
)

# Number of data per status and type of a lake; kept by triggers (see `counters`), so that a page's total is cheap.
lake_count = Table(
    "lake_count",
    metadata,
    Column("lake_key", Integer, ForeignKey("lake.key", ondelete="CASCADE"), primary_key=True),
    Column("upload_status", String, primary_key=True),
    Column("type", String, primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)

metadata_key = Table(
    "metadata_key",
    metadata,
    Column("lake_key", Integer, ForeignKey("lake.key", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("configuration", Json, nullable=False),
)

source = Table(
    "source",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", Id, nullable=False, unique=True),
    Column("organization_id", Id, ForeignKey("organization.id", ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("organization_id", "name"),
)

# Data tags belong to a lake; tags of other targets to the organization (lake_key is null).
tag = Table(
    "tag",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", Id, nullable=False, unique=True),
    Column("organization_id", Id, ForeignKey("organization.id", ondelete="CASCADE"), nullable=False),
    Column("lake_key", Integer, ForeignKey("lake.key", ondelete="CASCADE")),
    Column("name", String, nullable=False),
    Column("target_type", String, nullable=False),
    Column("data_count", Integer, nullable=False, default=0, server_default=text("0")),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("lake_key", "name"),
)
Index(
    "organization_tag",
    tag.c.organization_id,
    tag.c.target_type,
    tag.c.name,
    unique=True,
    sqlite_where=tag.c.lake_key.is_(None),
)

data = Table(
    "data",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", Id, nullable=False, unique=True),
    Column("lake_key", Integer, ForeignKey("lake.key", ondelete="CASCADE"), nullable=False, index=True),
    Column("object_name", String, nullable=False),
    Column("filename", String, nullable=False),
    Column("type", String, nullable=False),
    Column("content_type", String, nullable=False),
    Column("upload_status", String, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("file_size", BigInteger),
    Column("metadata", Json),
    # Microseconds of the metadata's `acquired_at`, since its text may have any zone; see `acquired_microseconds`.
    Column("acquired_at", BigInteger),
    Column("custom_metadata", Json),
    # ETag of the bucket's object when it was listed or read last; null for an uploaded object, which stays as it is.
    Column("etag", String),
    Column("source_key", Integer, ForeignKey("source.key", ondelete="SET NULL"), index=True),
    Column("created_at", Moment, nullable=False),
    # Reason that the file could not be read, when upload_status is ERROR.
    Column("error_reason", Text),
    UniqueConstraint("lake_key", "object_name"),
    Index("data_filename", "lake_key", "filename"),
    # Partial index: the few that are not DONE are listed by status.
    Index("data_not_done", "lake_key", "upload_status", sqlite_where=text("upload_status <> 'DONE'")),
    # A seq is never reused, else a cursor or an attachment could point to another data.
    sqlite_autoincrement=True,
)

data_tag = Table(
    "data_tag",
    metadata,
    Column("tag_key", Integer, ForeignKey("tag.key", ondelete="CASCADE"), primary_key=True),
    Column("data_seq", Integer, ForeignKey("data.seq", ondelete="CASCADE"), primary_key=True),
    Index("data_tag_reverse", "data_seq", "tag_key"),
    sqlite_with_rowid=False,
)

projection = Table(
    "projection",
    metadata,
    Column("id", Id, primary_key=True),
    Column("data_seq", Integer, ForeignKey("data.seq", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("object_name", String, nullable=False),
    Column("filename", String, nullable=False),
    Column("content_type", String, nullable=False),
    Column("file_size", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    Column("infos", Json),
    Column("compute_status", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("data_seq", "object_name"),
    Index("projection_object", "object_name"),
)

# A processing without organization is public.
processing = Table(
    "processing",
    metadata,
    Column("id", Id, primary_key=True),
    Column("organization_id", Id, ForeignKey("organization.id", ondelete="CASCADE")),
    Column("name", String, nullable=False),
    Column("target", String, nullable=False),
    Column("type", String),
    Column("description", Text),
    Column("docker_image", String, nullable=False),
    Column("docker_tag", String, nullable=False),
    Column("docker_flags", Json),
    Column("default_cpu", Integer),
    Column("default_gpu", Integer),
    Column("default_parameters", Json),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("organization_id", "name"),
)

processing_input = Table(
    "processing_input",
    metadata,
    Column("processing_id", Id, ForeignKey("processing.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("input_type", String, nullable=False),
    Column("required", Boolean, nullable=False, default=False),
    Column("inference_type_constraint", String),
    Column("framework_constraint", String),
)

# Commands that run in place of docker images, chosen by the owner of the server alone.
program = Table(
    "program",
    metadata,
    Column("image", String, primary_key=True),
    Column("command", Text, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("id", Id, primary_key=True),
    Column("organization_id", Id, ForeignKey("organization.id", ondelete="CASCADE"), nullable=False),
    Column("lake_key", Integer, ForeignKey("lake.key", ondelete="CASCADE")),
    Column("user_id", Id),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("processing_id", Id, ForeignKey("processing.id", ondelete="SET NULL")),
    # Request of the job: prefixes or objects of an import; parameters, inputs and data of a launch.
    Column("request", Json),
    Column("labels", Json),
    Column("idempotency_key", String),
    Column("cpu", Integer),
    Column("gpu", Integer),
    # Allocation of a running job (GPUs by index), and how much of its program's log was copied.
    Column("held", Json),
    Column("log_offset", BigInteger),
    Column("counts", Json),
    Column("exit_code", Integer),
    Column("reason", Text),
    Column("log_object_name", String),
    Column("created_at", Moment, nullable=False),
    Column("queued_at", Moment),
    Column("started_at", Moment),
    Column("cancel_requested_at", Moment),
    Column("finished_at", Moment),
    UniqueConstraint("organization_id", "idempotency_key"),
    Index("job_by_status", "status"),
    Index("job_by_time", "organization_id", "created_at"),
)

# `seq` counts a job's lines from 0. A line that a program sends by the API has its own `line_nb`, and a later line of
# that number replaces it (progress bars); a line that it prints has none.
job_log = Table(
    "job_log",
    metadata,
    Column("job_id", Id, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("line_nb", Integer),
    Column("text", Text, nullable=False),
    Column("part", String),
    Column("special", Json),
    UniqueConstraint("job_id", "line_nb"),
    sqlite_with_rowid=False,
)

# Progress of an import, written in the transactions that register data: the last name listed, completeness of the
# listing, the span of registered data (their seq) and the last of them that was probed.
import_cursor = Table(
    "import_cursor",
    metadata,
    Column("job_id", Id, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, nullable=False),
    Column("listed_all", Boolean, nullable=False, default=False),
    Column("first_seq", Integer),
    Column("last_seq", Integer),
    Column("measured_seq", Integer, nullable=False, default=0),
)

# Data whose object was overwritten in the bucket, for the import that reads them again.
import_update = Table(
    "import_update",
    metadata,
    Column("job_id", Id, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("data_seq", Integer, ForeignKey("data.seq", ondelete="CASCADE"), primary_key=True),
    Index("import_update_reverse", "data_seq"),
    sqlite_with_rowid=False,
)

# Changes of a lake, oldest first, for clients that follow it; written by triggers (see `change_log`), which drop old
# rows too. Rows outlive the data and jobs that they name.
change = Table(
    "change",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("lake_key", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("data_seq", Integer),
    Column("tag_key", Integer),
    Column("job_id", Id),
    sqlite_autoincrement=True,
)
