"""What every verb stands on: a connection, a session, and the context that is looked up once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from datalake_ops.client import lakes
from datalake_ops.client.operation import Operation
from datalake_ops.config import DEFAULT_HOST, Connection, RetryPolicy, Timeouts
from datalake_ops.errors import ConfigurationError
from datalake_ops.lineage import LakeUri
from datalake_ops.wire.lakes import Datalake, Extension, Organization

if TYPE_CHECKING:
    from typing import Self

    from datalake_ops.client.response_handling import Unread
    from datalake_ops.client.session import Session

T = TypeVar("T")


@dataclass(frozen=True)
class LakeContext:
    """Who we are and where: answered by the platform, the same for the life of a hook."""

    username: str
    organization: Organization
    datalake: Datalake
    extensions: frozenset[str] = frozenset()

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
        """Whether the platform announced an extension."""
        return extension.value in self.extensions


class Caller:
    """Holds the connection and sends operations; the base of the verbs, one class per resource."""

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        api_token: str = "",
        organization_id: UUID | str | None = None,
        organization_name: str | None = None,
        datalake_id: UUID | str | None = None,
        datalake_name: str | None = None,
        *,
        verify: bool | str = True,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        max_workers: int | None = None,
    ) -> None:
        self._open(
            Connection(
                host=host,
                api_token=api_token,
                organization_id=organization_id,
                organization_name=organization_name,
                datalake_id=datalake_id,
                datalake_name=datalake_name,
                verify=verify,
                retry=retry or RetryPolicy(),
                timeouts=timeouts or Timeouts(),
                max_workers=max_workers,
            )
        )

    def _open(self, connection: Connection) -> None:
        self.connection = connection
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._context: LakeContext | None = None

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """A hook for a connection that was made elsewhere."""
        hook = cls.__new__(cls)
        hook._open(connection)
        return hook

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None, **overrides: Any) -> Self:
        """A hook from `DATALAKE_HOST`, `DATALAKE_API_TOKEN` and the like (see `Connection.from_env`)."""
        return cls.from_connection(Connection.from_env(environment, **overrides))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.connection!r})"

    def close(self) -> None:
        """Close the connections; a later verb opens them again."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    def __getstate__(self) -> dict[str, Any]:
        return {"connection": self.connection}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._open(state["connection"])

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
        """Send one operation of the wire; the verbs are made of this."""
        return self._opened().send(operation, retry)

    def reach(self, address: str) -> str:
        """Call the server of an address, such as the storage's, and return its name.

        Raises:
            NetworkError: it does not answer.
        """
        self._opened().reach(address)
        return urlsplit(address).netloc

    def _fetch(self, operation: Operation[T]) -> Unread[T]:
        """Send one operation and leave the reading of its answer to the caller."""
        return self._opened().fetch(operation)

    def _opened(self) -> Session:
        with self._lock:
            if self._session is None:
                # requests is loaded at the first call, not when a DAG file is parsed.
                from datalake_ops.client.session import Session

                organization = self._context.organization.id if self._context else None
                self._session = Session(self.connection, organization)
            return self._session

    def look_up(self, on_step: Callable[[str], None] = lambda _: None) -> LakeContext:
        """Ask who we are and where, anew; `on_step` is told the name of each step before it is taken."""
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
        return LakeContext(ping.username, organization, lake, frozenset(ping.extensions))

    def _organization_id(self, default: UUID | None) -> UUID:
        connection = self.connection
        if isinstance(connection.organization_id, UUID):
            return connection.organization_id
        if connection.organization_name:
            return self.send(lakes.find_organization(connection.organization_name))
        if default is None:
            raise ConfigurationError("The token has no default organization; name one with organization_id=.")
        return default

    def lake_uri(self, tags: Iterable[str] = (), source: str | None = None, q: str | None = None) -> LakeUri:
        """What lineage calls the lake, or those of its data that carry all tags, came from a source and match `q`."""
        context = self.context
        lake = LakeUri.of(self.connection.host, context.organization.name, context.datalake.name)
        return lake.with_(tags, source, q)

    def _workers(self, given: int | None) -> int | None:
        return self.connection.max_workers if given is None else given

    @property
    def _lake_id(self) -> UUID:
        return self.context.datalake.id

    @property
    def _organization(self) -> UUID:
        return self.context.organization.id

    def test_connection(self) -> tuple[bool, str]:
        """Whether address, TLS, token, organization, lake and storage work; one line says what was reached or stops.

        Nothing is left behind, and nothing is remembered from earlier calls.
        """
        from datalake_ops.hook.diagnosis import diagnose

        return diagnose(self)
