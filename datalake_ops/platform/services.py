"""Services of one application, and the protocols of its object store, job service and directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from uuid import UUID

from fastapi import Request

from datalake_ops.platform.settings import Settings
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.rows import ConnectorRow, LakeRow
from datalake_ops.platform.store.tokens import Tokens
from datalake_ops.wire.uploads import ObjectStat


@dataclass(frozen=True)
class MediaProperties:
    """Properties read from a file: pixels as shown (EXIF orientation applied), bytes, and EXIF in the wire's keys.

    `custom_metadata` are the camera's own texts, for which the wire has no key; `pages` are those of a document; `etag`
    is the object's when it was read.
    """

    width: int
    height: int
    size_bytes: int
    metadata: dict[str, Any] = field(default_factory=dict)
    custom_metadata: dict[str, Any] = field(default_factory=dict)
    pages: int = 1
    etag: str | None = None


@dataclass(frozen=True)
class ProbeFailure:
    """Reason that a file could not be read, and its size in bytes and ETag where these are known."""

    reason: str
    size_bytes: int | None = None
    etag: str | None = None


class ObjectStore(Protocol):
    """Bytes of the platform: uploaded objects and the lakes' buckets, by connector and object name."""

    def stat(self, connector: UUID, object_name: str) -> ObjectStat | None:
        """Return size and content type of an object, None if it does not exist; quick enough for the event loop."""

    def claim(self, connector: UUID, object_name: str) -> bool:
        """Keep an object that gets a row from a collection under way; False if there is none.

        Called in the write that adds the row: no object goes while another write runs.
        """

    def delete(self, connector: UUID, object_name: str) -> None:
        """Remove an uploaded object; a missing one, or a file in a user's bucket, is left alone.

        Called in a write, so that no other one gives it a row meanwhile.
        """

    def list_bucket(self, connector: UUID, folder: str, limit: int) -> tuple[list[tuple[str, int | None]], bool]:
        """List what lies directly in a folder of a connector's bucket; called in a worker thread.

        Returns the first `limit` names with their bytes, None for a folder, whose name ends with a slash; and whether
        there is more.
        """

    def download_address(self, connector: UUID, object_name: str, base_url: str) -> str:
        """Return a signed download address, valid for about an hour; quick, since a page needs a thousand."""

    def probe(
        self, connector: UUID, object_name: str, content_type: str, full: bool = False
    ) -> MediaProperties | ProbeFailure:
        """Read the file's properties, with all that its EXIF tells if `full`; called in a worker thread."""

    def picture_copy(self, connector: UUID, object_name: str, large: bool = False) -> bytes | ProbeFailure:
        """JPEG of a picture to be looked at, upright and reduced; called in a worker thread."""

    def close(self) -> None:
        """Release processes and files."""


class JobService(Protocol):
    """Background service that runs imports and processings."""

    async def start(self) -> None:
        """Adopt the jobs of an earlier server process and begin to work."""

    async def stop(self) -> None:
        """Stop working; programs that were started go on by themselves."""


class CustomMetadataSchema(Protocol):
    """Schema of a lake's custom metadata."""

    def validate(self, custom: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return custom metadata that fit the schema, None if there are none; else raise RefusalError (400)."""


class Directory(Protocol):
    """Cached look-ups of lakes, connectors and custom metadata schemas."""

    async def lake(self, id: UUID) -> LakeRow | None:
        """Return the lake of an id, in any organization."""

    async def connector(self, id: UUID) -> ConnectorRow | None:
        """Return the connector of an id, in any organization."""

    async def metadata_schema(self, lake: LakeRow) -> CustomMetadataSchema:
        """Return the custom metadata schema of a lake."""

    def forget_schema(self, lake: LakeRow) -> None:
        """Drop a lake's cached schema."""


@dataclass
class Services:
    """Dependencies of the handlers; one instance per application, at `app.state.services`."""

    # `jobs` is filled in last: the job service itself works with the others. `withheld` are extensions and types that
    # are not announced, for a test of clients against a platform without them.

    settings: Settings
    database: Database
    tokens: Tokens
    directory: Directory
    objects: ObjectStore
    jobs: JobService = field(init=False)
    withheld: frozenset[str] = frozenset()


def services(request: Request) -> Services:
    """Return the services of the application that answers this request."""
    return cast("Services", request.app.state.services)


def base_url(request: Request) -> str:
    """Return the address that callers reach this server at: the configured one, else the one of the request."""
    configured = services(request).settings.public_url
    return configured.rstrip("/") if configured else str(request.base_url).rstrip("/")
