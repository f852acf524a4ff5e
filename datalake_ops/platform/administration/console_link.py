"""Address that opens the console of a running server, made beside it."""

from __future__ import annotations

import json
from pathlib import Path

from datalake_ops.platform.administration.home import AdministrationError, open_database
from datalake_ops.platform.console.addresses import console_link
from datalake_ops.platform.console.sessions import make_code


def make_console_link(home: Path) -> str:
    """Make an address that signs in once, within five minutes, with the right of the oldest admin's token.

    Raises:
        AdministrationError: no server runs on the home, or it has no token of an admin that is valid.
    """
    note = home / "server.json"
    if not note.exists():
        raise AdministrationError(f"No server runs on {home}; start it with `datalake-ops serve --home {home}`.")
    with open_database(home) as database:
        code = database.write_sync(make_code)
    if code is None:
        raise AdministrationError("There is no admin's token; make one with `datalake-ops admin token create --admin`.")
    return console_link(str(json.loads(note.read_text())["url"]), code)
