"""Retry policy of work on very many files."""

from __future__ import annotations

from datalake_ops.config import Connection, RetryPolicy

# Attempts of one request of an upload: the last one comes some 25 s after the first, were it the only one that fails.
ATTEMPTS = 8


def bulk_connection(connection: Connection) -> Connection:
    """Return the connection with more attempts of each request, unless its retry policy was chosen by the caller."""
    # One lost request among very many is likely where it is not for a single call.
    chosen = connection.retry != RetryPolicy()
    return connection if chosen else connection.with_(retry=RetryPolicy(attempts=ATTEMPTS))
