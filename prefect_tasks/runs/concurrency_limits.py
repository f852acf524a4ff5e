"""Global concurrency limits of the Prefect server, for all its workers together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from datalake_ops.errors import ConfigurationError

UPLOADS = "datalake-uploads"
DEFAULTS = {UPLOADS: 8}


def ensure_limits(limits: dict[str, int] | None = None) -> dict[str, int]:
    """Create or update concurrency limits for uploads, and return their slots by name.

    Without `limits`: `datalake-uploads` with 8 slots. Twice changes nothing more.

    Raises:
        ConfigurationError: a limit below 1.
    """
    wanted = DEFAULTS if limits is None else limits
    if wrong := [name for name, slots in wanted.items() if slots < 1]:
        raise ConfigurationError(f"A limit has at least 1 slot: {', '.join(wrong)}.")
    with get_client(sync_client=True) as client:
        for name, slots in wanted.items():
            client.upsert_global_concurrency_limit_by_name(name, slots)
    return dict(wanted)


def missing_limits(names: list[str]) -> list[str]:
    """Return the names that the server has no limit for."""
    with get_client(sync_client=True) as client:
        return [name for name in names if not _is_there(client, name)]


@contextmanager
def hold_slot(name: str) -> Iterator[None]:
    """Hold one slot of a limit; waits until one is free.

    Raises:
        ConfigurationError: the server has no such limit; nothing was begun.
    """
    if missing_limits([name]):
        raise ConfigurationError(
            f"Prefect has no concurrency limit {name!r}. Create it: prefect_tasks.ensure_limits({{{name!r}: 8}})."
        )
    # A lease that could not be renewed must not end an upload that runs well.
    with concurrency(name, strict=True, raise_on_lease_renewal_failure=False):
        yield


def _is_there(client: object, name: str) -> bool:
    try:
        client.read_global_concurrency_limit_by_name(name)  # type: ignore[attr-defined] # A SyncPrefectClient.
    except ObjectNotFound:
        return False
    return True
