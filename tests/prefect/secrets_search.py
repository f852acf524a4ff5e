"""Looking for a secret in everything that Prefect keeps."""

from __future__ import annotations

import base64
import contextlib
import os
from pathlib import Path

from datalake_ops.testing.services import PostgresServer


def assert_nothing_holds(secret: str, home: Path, database: PostgresServer | None = None) -> None:
    """No file below `home` and no row of the database, which is SQLite below `home` when there is no other.

    Neither as it is nor inside a base64 text, in which it may begin at any of three places.
    """
    if database is not None:
        (home / "dump.sql").write_text(database.dump())
    forms = [secret.encode()]
    for shift in range(3):
        text = base64.b64encode(b"." * shift + secret.encode())
        forms.append(text[4 if shift else 0 : -4])
    # A server that still runs removes files and folders meanwhile.
    files = [path for at, _, names in os.walk(home) for name in names if (path := Path(at, name)).is_file()]
    assert any(path.suffix in (".db", ".sql") for path in files)
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            content = path.read_bytes()
            assert not any(form in content for form in forms), path
