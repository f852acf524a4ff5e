"""Version 3: moments of metadata in one normal form with their instants in a column; ETags of imported objects."""

from __future__ import annotations

from datetime import datetime

import orjson
import sqlalchemy as sa
from alembic import op

from datalake_ops.platform.store.raw import execute, execute_many
from datalake_ops.platform.store.types import acquired_microseconds, to_json
from datalake_ops.wire import moments

revision = "0003"
down_revision = "0002"

_ROWS = 10_000
_ACQUIRED = (
    "SELECT seq, metadata FROM data WHERE seq > ? AND json_extract(metadata, '$.acquired_at') IS NOT NULL"
    " ORDER BY seq LIMIT ?"
)
_UPDATE = "UPDATE data SET metadata = ?, acquired_at = ? WHERE seq = ?"


def upgrade() -> None:
    """Add the columns and the table, and normalize the moments."""
    op.add_column("data", sa.Column("acquired_at", sa.BigInteger))
    op.add_column("data", sa.Column("etag", sa.String))
    op.create_table(
        "import_update",
        sa.Column("job_id", sa.LargeBinary(16), sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("data_seq", sa.Integer, sa.ForeignKey("data.seq", ondelete="CASCADE"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("import_update_reverse", "import_update", ["data_seq"])
    _normalize_moments(op.get_bind())


def _normalize_moments(connection: sa.Connection) -> None:
    last = 0
    while rows := execute(connection, _ACQUIRED, (last, _ROWS)).fetchall():
        last = rows[-1][0]
        execute_many(connection, _UPDATE, [(*_normal(text), seq) for seq, text in rows])


def _normal(text: str) -> tuple[str, int | None]:
    metadata = orjson.loads(text)
    metadata["acquired_at"] = _normal_moment(metadata["acquired_at"])
    return to_json(metadata), acquired_microseconds(metadata)


def _normal_moment(text: str) -> str:
    normal = moments.normalize(text)
    if normal is not None:
        return normal
    try:
        # Earlier versions took what their Python read: any separator, and offsets with parts of a second.
        moment = datetime.fromisoformat(text)
        kept = moments.render(moment)
        return kept if moments.parse(kept) else moments.render(moments.utc(moment))
    except (ValueError, OverflowError):
        return text
