"""Version 2: the log of changes, with the triggers that write it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ENDS = "('SUCCEEDED', 'FAILED', 'KILLED', 'SUCCESS', 'TERMINATED')"
_READY = "BEGIN INSERT INTO change (lake_key, kind, data_seq) VALUES (NEW.lake_key, 'READY', NEW.seq); END"
_TRIGGERS = (
    f"change_data_added AFTER INSERT ON data WHEN NEW.upload_status = 'DONE' {_READY}",
    "change_data_ready AFTER UPDATE OF upload_status ON data"
    f" WHEN NEW.upload_status = 'DONE' AND OLD.upload_status <> 'DONE' {_READY}",
    "change_tag_added AFTER INSERT ON data_tag BEGIN"
    " INSERT INTO change (lake_key, kind, data_seq, tag_key)"
    " SELECT lake_key, 'TAGGED', NEW.data_seq, NEW.tag_key FROM tag WHERE key = NEW.tag_key; END",
    "change_job_ended AFTER UPDATE OF status ON job"  # noqa: S608 - of constants only.
    f" WHEN NEW.lake_key IS NOT NULL AND NEW.status IN {_ENDS} AND OLD.status NOT IN {_ENDS} BEGIN"
    " INSERT INTO change (lake_key, kind, job_id) VALUES (NEW.lake_key, 'ENDED', NEW.id); END",
    "change_pruned AFTER INSERT ON change WHEN NEW.seq % 1000 = 0 BEGIN"
    " DELETE FROM change WHERE seq <= NEW.seq - 1000000; END",
)


def upgrade() -> None:
    """Create the log."""
    op.create_table(
        "change",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("lake_key", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("data_seq", sa.Integer),
        sa.Column("tag_key", sa.Integer),
        sa.Column("job_id", sa.LargeBinary(16)),
        sqlite_autoincrement=True,
    )
    for trigger in _TRIGGERS:
        op.execute(f"CREATE TRIGGER {trigger}")
