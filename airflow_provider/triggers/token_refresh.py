"""Refresh of a trigger's token: a long wait may outlive the token that it began with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from datalake_ops.errors import UnauthorizedError

if TYPE_CHECKING:
    from datalake_ops.config import Connection

T = TypeVar("T")


async def with_current_token(datalake_conn_id: str, ask: Callable[[Connection], Awaitable[T]]) -> T:
    """Ask over an Airflow connection, and again each time the connection was changed after its token was refused.

    The connection is looked up for up to five minutes.

    Raises:
        UnauthorizedError: the token was refused, and the connection still has it.
    """
    from airflow_provider.hooks.datalake import DatalakeHook
    from airflow_provider.hooks.lookup import alook_up

    # A triggerer that starts while a secrets backend is away must not end healthy waits, for their jobs are cancelled.
    connection = await alook_up(datalake_conn_id, lambda: DatalakeHook.aconnection(datalake_conn_id))
    while True:
        try:
            return await ask(connection)
        except UnauthorizedError:
            before = connection
            connection = await alook_up(datalake_conn_id, lambda: DatalakeHook.aconnection(datalake_conn_id))
            if connection == before:
                raise
