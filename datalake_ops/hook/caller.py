"""Base of the verbs: the life of a hook, and the operations that it sends to its lake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

from datalake_ops import arguments
from datalake_ops.client.operation import Operation
from datalake_ops.config import DEFAULT_HOST, Connection, RetryPolicy, Timeouts
from datalake_ops.errors import SecretPickleError
from datalake_ops.hook.lake_session import LakeContext, LakeSession
from datalake_ops.hook.observation import DataAccess
from datalake_ops.lineage import LakeUri

if TYPE_CHECKING:
    from typing import Self

    from datalake_ops.client.response_handling import Unread

T = TypeVar("T")


class ConnectedHook:
    """A connection and its session; a context manager, which is copied, and not pickled: its token would be read."""

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
        self._lake = LakeSession(connection)
        # Called after each verb that succeeded with the data that it read or wrote; it must not raise.
        self.on_access: Callable[[DataAccess], None] | None = None

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Make a hook for a connection that was made elsewhere."""
        hook = cls.__new__(cls)
        hook._open(connection)
        return hook

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None, **overrides: Any) -> Self:
        """Make a hook from `DATALAKE_HOST`, `DATALAKE_API_TOKEN` and the like (see `Connection.from_env`)."""
        return cls.from_connection(Connection.from_env(environment, **overrides))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        # A traceback may show one whose connection could not be made.
        return f"{type(self).__name__}({getattr(self, 'connection', '...')!r})"

    def close(self) -> None:
        """Close the connections; a later verb opens them again."""
        self._lake.close()

    def __copy__(self) -> Self:
        return type(self).from_connection(self.connection)

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return type(self).from_connection(self.connection)

    def __reduce__(self) -> NoReturn:
        raise SecretPickleError.of(self)


class LakeCaller(ConnectedHook):
    """Sends operations to the lake; the base of the verbs, one class per resource."""

    @property
    def context(self) -> LakeContext:
        """The organization and the lake, looked up at first use: three requests, as the official SDK makes.

        Raises:
            UnauthorizedError: the token is wrong.
            NotFoundError, ForbiddenError: the organization or the lake is not there for this token.
        """
        return self._lake.context

    def send(self, operation: Operation[T], retry: RetryPolicy | None = None) -> T:
        """Send one operation of the wire and return its answer; the verbs are made of this."""
        return self._lake.send(operation, retry)

    def reach(self, address: str) -> str:
        """Call the server of an address, such as the storage's, and return its name.

        Raises:
            NetworkError: it does not answer.
        """
        return self._lake.reach(address)

    def look_up(self, on_step: Callable[[str], None] = lambda _: None) -> LakeContext:
        """Look up user, organization and lake anew; `on_step` is called with the name of each step before it."""
        return self._lake.look_up(on_step)

    def lake_uri(self, tags: Iterable[str] = (), source: str | None = None, q: str | None = None) -> LakeUri:
        """URI in lineage of the lake, or of its data that carry all tags, came from a source and match `q`."""
        context = self.context
        lake = LakeUri.of(self.connection.host, context.organization.name, context.datalake.name)
        return lake.with_(tags, source, q)

    def test_connection(self) -> tuple[bool, str]:
        """Try address, TLS, token, organization, lake and storage; return success and one line on where it stops.

        Nothing is left behind, and nothing is remembered from earlier calls.
        """
        from datalake_ops.hook.diagnosis import diagnose

        return diagnose(self, self.connection.host)

    def _fetch(self, operation: Operation[T]) -> Unread[T]:
        """Send one operation and leave the reading of its answer to the caller."""
        return self._lake.fetch(operation)

    def _workers(self, given: int | None) -> int | None:
        return self.connection.max_workers if given is None else arguments.whole_number("max_workers", given)

    @property
    def _lake_id(self) -> UUID:
        return self.context.datalake.id

    @property
    def _organization(self) -> UUID:
        return self.context.organization.id
