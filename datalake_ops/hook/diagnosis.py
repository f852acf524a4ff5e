"""Diagnosis of a connection: every step from address to storage, with one line on where it stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from datalake_ops.client import uploads
from datalake_ops.client.operation import Operation
from datalake_ops.errors import DatalakeError, ForbiddenError, NetworkError, UnauthorizedError
from datalake_ops.hook.lake_session import LakeContext

T = TypeVar("T")

# A name for which an upload address is requested; nothing is stored under it.
_PROBE = "datalake-ops-connection-test.png"


class ConnectionProbe(Protocol):
    """Calls by which a connection is diagnosed."""

    def look_up(self, on_step: Callable[[str], None]) -> LakeContext:
        """Look up user, organization and lake; `on_step` is called with the name of each step before it."""

    def send(self, operation: Operation[T]) -> T:
        """Send one operation and return its answer."""

    def reach(self, address: str) -> str:
        """Call the server of an address and return its name."""


def diagnose(connection: ConnectionProbe, host: str) -> tuple[bool, str]:
    """Try a connection; return success, and one line on what was reached or where it stops.

    The steps are Address, TLS, Token, Organization, Lake and Storage. For the storage an upload address is asked for
    and its server is called; nothing is stored. A token that may not upload is no failure.
    """
    step = "TLS"

    def reached(name: str) -> None:
        nonlocal step
        step = name

    try:
        context = connection.look_up(reached)
        reached("Storage")
        storage = _storage(connection, context)
    except DatalakeError as error:
        return False, _one_line(f"{_stopped_at(step, error)}: {error}")
    return True, _one_line(
        f"Connected to {host} as {context.username}, organization {context.organization.name!r}, "
        f"lake {context.datalake.name!r}, {storage}."
    )


def _storage(connection: ConnectionProbe, context: LakeContext) -> str:
    connector = context.connector_id
    try:
        named = connection.send(uploads.object_name(context.organization.id, connector, _PROBE))
        signed = connection.send(uploads.presigned_upload(connector, named.object_name, "image/png"))
    except ForbiddenError:
        return "which the token may read but not upload to"
    return f"storage {connection.reach(signed.presigned_url_data.url)}"


def _stopped_at(step: str, error: DatalakeError) -> str:
    if isinstance(error, UnauthorizedError):
        return "Token"
    if isinstance(error, NetworkError) and step != "Storage":
        return "TLS" if _is_tls(error) else "Address"
    return step


def _is_tls(error: BaseException) -> bool:
    return any("SSL" in type(cause).__name__ for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _one_line(text: str) -> str:
    return " ".join(text.split())
