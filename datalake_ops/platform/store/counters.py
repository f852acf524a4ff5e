"""Totals kept by triggers, so that no writer can forget to count.

`lake_count` has one row per lake, status and type; `tag.data_count` the number of data that carry a tag.
"""

from __future__ import annotations

from sqlalchemy import Connection

_ADD = """
    INSERT INTO lake_count (lake_key, upload_status, type, count)
    VALUES (NEW.lake_key, NEW.upload_status, NEW.type, 1)
    ON CONFLICT (lake_key, upload_status, type) DO UPDATE SET count = count + 1;
"""
_TAKE = """
    UPDATE lake_count SET count = count - 1
    WHERE lake_key = OLD.lake_key AND upload_status = OLD.upload_status AND type = OLD.type;
"""
_TRIGGERS = {
    "data_added": f"AFTER INSERT ON data BEGIN {_ADD} END",
    "data_taken": f"AFTER DELETE ON data BEGIN {_TAKE} END",
    "data_moved": f"AFTER UPDATE OF lake_key, upload_status, type ON data BEGIN {_TAKE} {_ADD} END",
    "tag_added": "AFTER INSERT ON data_tag BEGIN"
    " UPDATE tag SET data_count = data_count + 1 WHERE key = NEW.tag_key; END",
    "tag_taken": "AFTER DELETE ON data_tag BEGIN"
    " UPDATE tag SET data_count = data_count - 1 WHERE key = OLD.tag_key; END",
}


def create_counters(connection: Connection) -> None:
    """Create the missing triggers."""
    for name, body in _TRIGGERS.items():
        connection.exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {name} {body}")
