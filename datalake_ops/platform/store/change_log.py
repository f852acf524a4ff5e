"""Change log, written by triggers, so that no writer can forget an entry.

A data is *ready* once it is DONE, whether registered so or probed later; it is *tagged* whenever a tag is attached; a
job *ended* when it reached a terminal status.
"""

from __future__ import annotations

from sqlalchemy import Connection

from datalake_ops.platform.store import schema
from datalake_ops.wire.changes import ChangeKind
from datalake_ops.wire.data import UploadStatus
from datalake_ops.wire.jobs import JobStatus

# A client that is further behind than this many changes is told that it missed some.
KEPT = 1_000_000
_PRUNED_EVERY = 1_000

_ENDS = ", ".join(f"'{status.value}'" for status in JobStatus if status.is_terminal)
# Triggers take no parameters; the values filled in are constants of the wire and of this module.
_WORDS = {
    "done": f"'{UploadStatus.DONE.value}'",
    "ready": f"'{ChangeKind.READY.value}'",
    "tagged": f"'{ChangeKind.TAGGED.value}'",
    "ended": f"'{ChangeKind.ENDED.value}'",
    "ends": _ENDS,
    "kept": KEPT,
    "every": _PRUNED_EVERY,
}
_READY = "INSERT INTO change (lake_key, kind, data_seq) VALUES (NEW.lake_key, {ready}, NEW.seq);"
_TRIGGERS = {
    "change_data_added": "AFTER INSERT ON data WHEN NEW.upload_status = {done} BEGIN " + _READY + " END",
    "change_data_ready": "AFTER UPDATE OF upload_status ON data"
    " WHEN NEW.upload_status = {done} AND OLD.upload_status <> {done} BEGIN " + _READY + " END",
    "change_tag_added": "AFTER INSERT ON data_tag BEGIN"
    " INSERT INTO change (lake_key, kind, data_seq, tag_key)"
    " SELECT lake_key, {tagged}, NEW.data_seq, NEW.tag_key FROM tag WHERE key = NEW.tag_key; END",
    "change_job_ended": "AFTER UPDATE OF status ON job"
    " WHEN NEW.lake_key IS NOT NULL AND NEW.status IN ({ends}) AND OLD.status NOT IN ({ends}) BEGIN"
    " INSERT INTO change (lake_key, kind, job_id) VALUES (NEW.lake_key, {ended}, NEW.id); END",
    "change_pruned": "AFTER INSERT ON change WHEN NEW.seq % {every} = 0 BEGIN"
    " DELETE FROM change WHERE seq <= NEW.seq - {kept}; END",
}


def create_change_log(connection: Connection) -> None:
    """Create the missing triggers."""
    schema.change.create(connection, checkfirst=True)
    for name, body in _TRIGGERS.items():
        connection.exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {name} {body.format(**_WORDS)}")
