"""What handlers work with, and what the object store and the job service promise them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import UUID

from fastapi import Request

from datalake_ops.platform.settings import Settings
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.tokens import Tokens
from datalake_ops.wire.uploads import ObjectStat

if TYPE_CHECKING:
    from datalake_ops.platform.catalog.ownership import Directory


@dataclass(frozen=True)
class Measured:
    """What a file truly is: pixels as shown (EXIF orientation applied), bytes, and its EXIF in the wire's keys."""

    width: int
    height: int
    size_bytes: int
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """Why a file could not be measured, and its bytes where they are known."""

    reason: str
    size_bytes: int | None = None


class ObjectStore(Protocol):
    """The bytes of the platform: uploaded objects and the lakes' buckets, by connector and object name."""

    def stat(self, connector: UUID, object_name: str) -> ObjectStat | None:
        """Size and content type of an object, None when there is none; quick enough for the event loop."""

    def delete(self, connector: UUID, object_name: str) -> None:
        """Remove an object that was uploaded; one that is not there, or lies in a user's bucket, is left alone."""

    def download_address(self, connector: UUID, object_name: str, base_url: str) -> str:
        """A signed address that gives the object for about an hour; quick, a page asks for a thousand."""

    def measure(self, connector: UUID, object_name: str, content_type: str) -> Measured | Unreadable:
        """Open the file and say what it is; called in a worker thread."""

    def close(self) -> None:
        """Let go of what is held."""


class JobService(Protocol):
    """What runs imports and processings in its own time."""

    async def start(self) -> None:
        """Adopt the jobs of an earlier run and begin to work."""

    async def stop(self) -> None:
        """Stop working; programs already started go on by themselves."""


@dataclass
class Services:
    """Everything a handler may use; one per application, at `app.state.services`."""

    # `jobs` is filled in last: the job service itself works with the others. `withheld` are extensions that are not
    # announced, for a test of clients against a platform without them.

    settings: Settings
    database: Database
    tokens: Tokens
    directory: Directory
    objects: ObjectStore
    jobs: JobService = field(init=False)
    withheld: frozenset[str] = frozenset()


def services(request: Request) -> Services:
    """The services of the application that answers this request."""
    return cast("Services", request.app.state.services)


def base_url(request: Request) -> str:
    """The address callers reach this server at: the configured one, else the one they used."""
    configured = services(request).settings.public_url
    return configured.rstrip("/") if configured else str(request.base_url).rstrip("/")
