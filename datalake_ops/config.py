"""Settings of a connection: frozen values, checked once, with the token kept out of every repr."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn
from uuid import UUID

from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError, SecretPickleError

DEFAULT_HOST = "https://app.picsellia.com"
# Names read by `Connection.from_env`, first match wins; the second is the official SDK's.
ENVIRONMENT: dict[str, tuple[str, ...]] = {
    "host": ("DATALAKE_HOST", "PICSELLIA_HOST"),
    "api_token": ("DATALAKE_API_TOKEN", "PICSELLIA_TOKEN"),
    "organization_id": ("DATALAKE_ORGANIZATION_ID", "PICSELLIA_ORGANIZATION_ID"),
    "organization_name": ("DATALAKE_ORGANIZATION_NAME", "PICSELLIA_ORGANIZATION_NAME"),
    "datalake_id": ("DATALAKE_ID",),
    "datalake_name": ("DATALAKE_NAME",),
    "max_workers": ("DATALAKE_MAX_WORKERS",),
}


@dataclass(frozen=True)
class RetryPolicy:
    """Repetition of failed requests: number of tries, back-off and budget; seconds throughout.

    The `budget` begins with the first failure: a request that takes long, and then fails, is repeated all the same.
    """

    attempts: int = 6
    budget: float = 120.0
    first_delay: float = 0.25
    longest_delay: float = 20.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.budget < 0 or self.first_delay < 0 or self.longest_delay < self.first_delay:
            raise ConfigurationError(
                f"A retry policy needs attempts >= 1 and 0 <= first_delay <= longest_delay, got {self}."
            )


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for a connection, for an API answer and for each read from the storage."""

    connect: float = 10.0
    api: float = 300.0
    storage: float = 60.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            found = arguments.positive_seconds(f"{name}_timeout", value)
            if found is None:
                raise arguments.refusal(f"{name}_timeout", None, "write a number of seconds above 0.")
            object.__setattr__(self, name, found)


@dataclass(frozen=True)
class Connection:
    """Connection to a platform: its address, a token, and the organization and lake to work in.

    Without organization the token's default one is used, without lake the organization's default one.
    An id wins over a name, as in the official SDK. `verify` is False, or the path of a CA bundle. `max_workers` is how
    many files travel at once in uploads and downloads that do not say it themselves.

    It is not pickled, for its token could be read in the pickle.

    The host may be typed in every form that `arguments.platform_address` takes: with or without scheme and port.

    Raises:
        ConfigurationError: the host is no http(s) address at the root of its origin, the token is empty, an id is not
            a UUID, a name is blank or no text, `verify` is neither a flag nor text, or `max_workers` is no number above
            0.
    """

    host: str = DEFAULT_HOST
    api_token: str = field(default="", repr=False)
    organization_id: UUID | str | None = None
    organization_name: str | None = None
    datalake_id: UUID | str | None = None
    datalake_name: str | None = None
    verify: bool | str = True
    retry: RetryPolicy = RetryPolicy()
    timeouts: Timeouts = Timeouts()
    max_workers: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "host", arguments.platform_address(self.host))
        if not self.api_token:
            raise ConfigurationError(
                "No API token was given. Pass api_token=, or set DATALAKE_API_TOKEN; "
                "`datalake-ops serve` prints one for the embedded platform."
            )
        if not self.api_token.isascii() or not self.api_token.isprintable():
            raise ConfigurationError("The API token has characters that no token has; copy it again.")
        for name in ("organization_id", "datalake_id"):
            object.__setattr__(self, name, _checked_id(name, getattr(self, name)))
        for name in ("organization_name", "datalake_name"):
            object.__setattr__(self, name, _checked_name(name, getattr(self, name)))
        object.__setattr__(self, "verify", arguments.verification("verify", self.verify))
        workers = arguments.whole_number("max_workers", self.max_workers, at_least=1)
        object.__setattr__(self, "max_workers", workers)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None, **overrides: Any) -> Connection:
        """Read the connection from environment variables (`DATALAKE_HOST`, `DATALAKE_API_TOKEN`, ...)."""
        environment = os.environ if environment is None else environment
        found: dict[str, Any] = {}
        for name, variables in ENVIRONMENT.items():
            value = next((environment[variable] for variable in variables if environment.get(variable)), None)
            if value is not None:
                found[name] = value
        return cls(**{**found, **overrides})

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Connection:
        """Make a connection from a mapping of its fields; empty values count as absent."""
        known = cls.__dataclass_fields__
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ConfigurationError(f"Unknown connection fields {unknown}; known are {sorted(known)}.")
        return cls(**{name: value for name, value in values.items() if value not in (None, "")})

    def __copy__(self) -> Connection:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Connection:
        return self

    def __reduce__(self) -> NoReturn:
        raise SecretPickleError.of(self)

    def with_(self, **changes: Any) -> Connection:
        """A copy with some fields changed."""
        return replace(self, **changes)


def _checked_name(field: str, value: Any) -> str | None:
    return None if value is None else arguments.required_name(field, value, "write a name, or leave it out.")


def _checked_id(name: str, value: UUID | str | None) -> UUID | None:
    if value is None or isinstance(value, UUID):
        return value
    try:
        return UUID(str(value).strip())
    except ValueError as error:
        raise ConfigurationError(
            f"{name} {value!r} is not a UUID; use {name.replace('_id', '_name')} for a name."
        ) from error
