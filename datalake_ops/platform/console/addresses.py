"""Addresses that open the console signed in: one use, within five minutes."""

from __future__ import annotations

from urllib.parse import urlencode

from datalake_ops.platform.console.pages.sign_in import CODE_PATH
from datalake_ops.platform.console.sessions import make_code
from datalake_ops.platform.settings import Settings
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.tokens import digest


def console_link(base: str, code: str) -> str:
    """Address that opens the console at a server with a code."""
    return f"{base.rstrip('/')}{CODE_PATH}?{urlencode({'code': code})}"


async def console_address(settings: Settings, database: Database, new_token: str | None = None) -> str | None:
    """Make an address with a code for the token of `serve`, else the oldest admin's; None if there is no such token."""
    token = settings.token or new_token
    code = await database.write(lambda connection: make_code(connection, digest(token) if token else None))
    if code is None:
        return None
    return console_link(settings.public_url or settings.address, code)
