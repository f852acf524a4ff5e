"""Session with a lake: operations are sent over it, and its context is looked up once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from datalake_ops.client import lakes
from datalake_ops.client.operation import Operation
from datalake_ops.config import Connection, RetryPolicy
from datalake_ops.errors import ConfigurationError
from datalake_ops.wire.lakes import Datalake, Extension, Organization

if TYPE_CHECKING:
    from datalake_ops.client.response_handling import Unread
    from datalake_ops.client.session import Session

T = TypeVar("T")


@dataclass(frozen=True)
class LakeContext:
    """User, organization and lake of a connection, as the platform answered; the same for the life of a hook."""

    username: str
    organization: Organization
    datalake: Datalake
    extensions: frozenset[str] = frozenset()
    # Content types that the platform reads; empty where it does not announce them.
    readable_types: frozenset[str] = frozenset()

    @property
    def connector_id(self) -> UUID:
        """The storage connector of the lake.

        Raises:
            ConfigurationError: the lake has none, so nothing can be uploaded to it.
        """
        if self.datalake.connector_id is None:
            raise ConfigurationError(
                f"The lake {self.datalake.name!r} has no storage connector; give it one on the platform first."
            )
        return self.datalake.connector_id

    def offers(self, extension: Extension) -> bool:
        """Return True if the platform announced an extension."""
        return extension.value in self.extensions


class LakeSession:
    """HTTP session of a connection, opened by its first operation, and the context of its lake; thread-safe."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._context: LakeContext | None = None

    def close(self) -> None:
        """Close the connections; a later operation opens them again."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    @property
    def context(self) -> LakeContext:
        """The organization and the lake, looked up at first use: three requests, as the official SDK makes.

        Raises:
            UnauthorizedError: the token is wrong.
            NotFoundError, ForbiddenError: the organization or the lake is not there for this token.
        """
        with self._lock:
            if self._context is None:
                self._context = self.look_up()
            return self._context

    def send(self, operation: Operation[T], retry: RetryPolicy | None = None) -> T:
        """Send one operation of the wire and return its answer."""
        return self._opened().send(operation, retry)

    def fetch(self, operation: Operation[T]) -> Unread[T]:
        """Send one operation and leave the reading of its answer to the caller."""
        return self._opened().fetch(operation)

    def reach(self, address: str) -> str:
        """Call the server of an address, such as the storage's, and return its name.

        Raises:
            NetworkError: it does not answer.
        """
        self._opened().reach(address)
        return urlsplit(address).netloc

    def look_up(self, on_step: Callable[[str], None] = lambda _: None) -> LakeContext:
        """Look up user, organization and lake anew; `on_step` is called with the name of each step before it."""
        self._opened()
        on_step("Token")
        ping = self.send(lakes.ping())
        on_step("Organization")
        organization = self.send(lakes.get_organization(self._organization_id(ping.default_organization)))
        if organization.default_connector_id is not None:
            self._opened().organization_id = organization.id
        connection = self.connection
        lake_id = connection.datalake_id if isinstance(connection.datalake_id, UUID) else None
        on_step("Lake")
        lake = self.send(lakes.get_datalake(organization.id, lake_id, connection.datalake_name))
        announced = frozenset(ping.extensions), frozenset(ping.readable_types)
        return LakeContext(ping.username, organization, lake, *announced)

    def _organization_id(self, default: UUID | None) -> UUID:
        connection = self.connection
        if isinstance(connection.organization_id, UUID):
            return connection.organization_id
        if connection.organization_name:
            return self.send(lakes.find_organization(connection.organization_name))
        if default is None:
            raise ConfigurationError("The token has no default organization; name one with organization_id=.")
        return default

    def _opened(self) -> Session:
        with self._lock:
            if self._session is None:
                # requests is loaded at the first call, not when a DAG file is parsed.
                from datalake_ops.client.session import Session

                organization = self._context.organization.id if self._context else None
                self._session = Session(self.connection, organization)
            return self._session
