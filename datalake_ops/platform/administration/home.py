"""Home folders as commands find them: served or not, and of this version or an earlier one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from datalake_ops.platform.home_lock import HomeInUseError, lock_home
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database, SchemaTooNewError
from datalake_ops.platform.store.migrations import MigrationError

DATABASE = "datalake.db"


class AdministrationError(RuntimeError):
    """A command cannot be done; the message has the cause and the remedy."""


@contextmanager
def open_database(home: Path) -> Iterator[Database]:
    """Open the database of a home, beside a running server too.

    Raises:
        AdministrationError: there is none, or it is of another version.
    """
    migrate_home(home)
    database = Database(home / DATABASE)
    try:
        yield database
    finally:
        database.close()


def migrate_home(home: Path) -> None:
    """Bring the database of a home to this version's schema.

    Raises:
        AdministrationError: there is none, it is a newer version's, or a server of another version runs on it.
    """
    path = find_database(home)
    if schema_version(path) == schema.SCHEMA_VERSION:
        return
    with hold(home):
        try:
            Database(path).close()
        except (SchemaTooNewError, MigrationError) as error:
            raise AdministrationError(str(error)) from error


def find_database(home: Path) -> Path:
    """Return the path of the database of a home.

    Raises:
        AdministrationError: there is none.
    """
    path = home / DATABASE
    if not path.is_file():
        raise AdministrationError(
            f"{home} is no home of a platform: it holds no {DATABASE}. Give the --home of `serve`."
        )
    return path


def schema_version(path: Path) -> int:
    """Schema version of a database file, which is not changed."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute("SELECT value FROM installation WHERE name = 'schema_version'").fetchone()
    return int(row[0])


@contextmanager
def hold(home: Path) -> Iterator[None]:
    """Keep servers off a home meanwhile.

    Raises:
        AdministrationError: one runs on it.
    """
    try:
        with lock_home(home):
            yield
    except HomeInUseError as error:
        raise AdministrationError(str(error)) from error
