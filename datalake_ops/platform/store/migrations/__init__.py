"""Migrations of the databases of earlier versions: revisions of Alembic, within the transaction that opens one.

The number in the table `installation` is the version of record; earlier builds read it too, and refuse a higher one.
So there is no table `alembic_version`, and a migrated database is the same as a new one.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection


class MigrationError(RuntimeError):
    """A migration would leave rows whose parent row is missing; the transaction must be undone."""


def migrate(connection: Connection, version: int) -> None:
    """Bring the tables of a database of this version to the present form, one revision after the other.

    Foreign keys must not be enforced meanwhile, since SQLite would delete the children of a table that is made anew.

    Raises:
        MigrationError: rows lost their parent.
    """
    # Only here: a server on a database of its own version starts sooner without Alembic.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(__file__).parent))
    revisions = reversed(list(scripts.iterate_revisions("head", f"{version:04}")))
    with Operations.context(MigrationContext.configure(connection)):
        for revision in revisions:
            revision.module.upgrade()
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if orphans:
        raise MigrationError(f"The migration from version {version} left {len(orphans)} rows without their parent row.")
