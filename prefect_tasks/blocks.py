"""Prefect block with the address and the token of a datalake.

Imports of the hook wait until it is used: every worker and the Prefect server import this module to know the block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, HttpUrl, SecretStr, ValidationError, model_validator

from datalake_ops.config import DEFAULT_HOST, Connection, Timeouts
from datalake_ops.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import Self

    from datalake_ops.hook import DatalakeHook
    from datalake_ops.hook.awaiting import AsyncDatalakeHook

DEFAULT_BLOCK = "datalake"
_DEFAULTS = Timeouts()


class DatalakeCredentials(CredentialsBlock):
    """Credentials of a datalake: address, token, organization and lake.

    Example:
        Load a saved block and use its hook:
        ```python
        from prefect_tasks import DatalakeCredentials

        credentials = DatalakeCredentials.load("BLOCK_NAME")
        with credentials.get_client() as hook:
            print(hook.count_data(tags="night"))
        ```
    """

    # A validation error would otherwise print the token among the values it was given.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name: ClassVar[str | None] = "Datalake Credentials"
    _block_type_slug: ClassVar[str | None] = "datalake-credentials"
    # Prefect downloads the logo where it shows it; GitHub serves avatars square, in the size asked for.
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/picselliahq.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://documentation.picsellia.com/docs/datalake-overview")

    # The order of the fields is part of the schema that Prefect compares between releases: append only.
    host: str = Field(default=DEFAULT_HOST, description="Address of the platform, like https://app.picsellia.com.")
    api_token: SecretStr = Field(description="API token, from your profile page or from `datalake-ops serve`.")
    organization_id: UUID | None = Field(
        default=None, title="Organization ID", description="Id of the organization; wins over its name."
    )
    organization_name: str | None = Field(
        default=None, description="Name of the organization; the token's default one when left empty."
    )
    datalake_id: UUID | None = Field(
        default=None, title="Datalake ID", description="Id of the lake; wins over its name."
    )
    datalake_name: str | None = Field(
        default=None, description="Name of the lake; the organization's default one when left empty."
    )
    verify: bool = Field(default=True, description="Whether the platform's TLS certificate is checked.")
    ca_bundle: str | None = Field(
        default=None, title="CA bundle", description="Path of the certificates to check it against, on each worker."
    )
    connect_timeout: float = Field(default=_DEFAULTS.connect, description="Seconds to wait for a connection.")
    api_timeout: float = Field(default=_DEFAULTS.api, description="Seconds to wait for an answer of the API.")
    storage_timeout: float = Field(default=_DEFAULTS.storage, description="Seconds to wait for each read of a file.")
    max_workers: int | None = Field(
        default=None, description="Files at once in uploads and downloads; as many as go well when left empty."
    )

    @model_validator(mode="after")
    def _validate_connection(self) -> Self:
        _ = self.connection
        return self

    @property
    def connection(self) -> Connection:
        """The connection that the block describes; its token is readable, so never return it from a task."""
        return Connection(
            host=self.host,
            api_token=self.api_token.get_secret_value(),
            organization_id=self.organization_id,
            organization_name=self.organization_name or None,
            datalake_id=self.datalake_id,
            datalake_name=self.datalake_name or None,
            verify=self.ca_bundle or True if self.verify else False,
            timeouts=Timeouts(self.connect_timeout, self.api_timeout, self.storage_timeout),
            max_workers=self.max_workers,
        )

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Make an unsaved block of a connection."""
        return cls(
            host=connection.host,
            api_token=SecretStr(connection.api_token),
            organization_id=connection.organization_id,
            organization_name=connection.organization_name,
            datalake_id=connection.datalake_id,
            datalake_name=connection.datalake_name,
            verify=bool(connection.verify),
            ca_bundle=connection.verify if isinstance(connection.verify, str) else None,
            connect_timeout=connection.timeouts.connect,
            api_timeout=connection.timeouts.api,
            storage_timeout=connection.timeouts.storage,
            max_workers=connection.max_workers,
        )

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Make an unsaved block of the environment: `DATALAKE_HOST`, `DATALAKE_API_TOKEN` and others.

        Raises:
            ConfigurationError: the environment holds no token, or a value that cannot be right.
        """
        return cls.from_connection(Connection.from_env(environment))

    def get_client(self) -> DatalakeHook:
        """A hook on this lake; close it, or use it in a `with` block."""
        from datalake_ops.hook import DatalakeHook

        return DatalakeHook.from_connection(self.connection)

    async def aget_client(self) -> AsyncDatalakeHook:
        """Async form of `get_client`: `async with await credentials.aget_client() as hook`."""
        from datalake_ops.hook.awaiting import AsyncDatalakeHook

        return AsyncDatalakeHook.from_connection(self.connection)

    def test_connection(self) -> tuple[bool, str]:
        """Check platform, token, organization and lake; return True and a summary, or False and what is wrong."""
        with self.get_client() as hook:
            return hook.test_connection()

    async def atest_connection(self) -> tuple[bool, str]:
        """Async form of `test_connection`."""
        async with await self.aget_client() as hook:
            return await hook.test_connection()


def load_credentials(reference: DatalakeCredentials | str = DEFAULT_BLOCK) -> DatalakeCredentials:
    """Return the block, or load the one of that name; `"datalake"` falls back on the environment when not saved.

    Only that one name falls back, so that a mistyped name never lands in another lake.

    Raises:
        ConfigurationError: there is no such block, and no connection in the environment to stand for the default one.
    """
    if isinstance(reference, DatalakeCredentials):
        return reference
    # Left to itself, `load` returns a coroutine wherever an event loop runs.
    load: Any = DatalakeCredentials.load
    try:
        loaded: DatalakeCredentials = load(reference, _sync=True)
    except ValidationError:
        raise
    except ValueError as error:
        return _block_of_environment(reference, error)
    return loaded


async def aload_credentials(reference: DatalakeCredentials | str = DEFAULT_BLOCK) -> DatalakeCredentials:
    """Async form of `load_credentials`."""
    if isinstance(reference, DatalakeCredentials):
        return reference
    try:
        return await DatalakeCredentials.aload(reference)
    except ValidationError:
        raise
    except ValueError as error:
        return _block_of_environment(reference, error)


def _block_of_environment(name: str, missing: ValueError) -> DatalakeCredentials:
    if name != DEFAULT_BLOCK:
        raise ConfigurationError(
            f"No Datalake Credentials block is saved as {name!r}. Save one: "
            f"DatalakeCredentials(host=..., api_token=...).save({name!r})."
        ) from missing
    try:
        return DatalakeCredentials.from_env()
    except ConfigurationError as absent:
        raise ConfigurationError(
            f"No Datalake Credentials block is saved as {name!r}, and the environment cannot stand in for it: {absent}"
        ) from absent
