"""Object store of one installation: uploaded objects in a folder, imported ones where they lie in the bucket."""

from __future__ import annotations

import base64
import math
import os
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from uuid import UUID

from fastapi import Request
from sqlalchemy import Connection, select

from datalake_ops.platform.home_folder import check_own_bucket
from datalake_ops.platform.objects.bucket import Bucket, etag
from datalake_ops.platform.objects.folder_store import FolderStore, object_digest
from datalake_ops.platform.objects.media_type import content_type
from datalake_ops.platform.objects.multipart import MultipartUploads
from datalake_ops.platform.objects.names import BadNameError
from datalake_ops.platform.objects.probe_pool import ProbeCrashedError, ProbePool
from datalake_ops.platform.objects.signing import GET, Grant, Signer
from datalake_ops.platform.services import MediaProperties, ProbeFailure, services
from datalake_ops.platform.settings import Settings
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.wire.media_types import SNIFF_BYTES
from datalake_ops.wire.uploads import ObjectStat

# Paths of signed addresses; outside `/api`, since the signature alone authorizes the request.
UPLOAD_PATH = "/storage/upload"
PART_PATH = "/storage/part"
OBJECT_PATH = "/storage/object"
# Connector of the platform's own objects; no API path leads to it.
PLATFORM = UUID(int=0)


@dataclass(frozen=True)
class OpenObject:
    """Object open for reading: its file, size, modification time (nanoseconds) and content type."""

    file: BinaryIO
    size: int
    changed_ns: int
    content_type: str

    @property
    def etag(self) -> str:
        """Text that differs once the object is overwritten."""
        return etag(self.changed_ns, self.size)


class LocalObjectStore:
    """Implementation of `services.ObjectStore`, with the methods that the storage routes use."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.folder = FolderStore(settings.objects, database.reserve, settings.fsync)
        self.uploads = MultipartUploads(self.folder)
        self.uploads.drop_expired()
        self.signer = Signer(settings.secret)
        self._settings = settings
        self._database = database
        self._pool = ProbePool()
        # Number of files that can be probed at once.
        self.probe_slots = self._pool.size
        self._buckets: dict[UUID, Bucket] = {}
        # Digests of the objects that got a row during a collection, None between collections; the writer's alone.
        self._claims: set[str] | None = None

    def bucket(self, connector: UUID) -> Bucket:
        """Bucket of a connector: the served folder for the first organization's, a folder of its own for any other."""
        if connector not in self._buckets:
            first = self._database.read_sync(_first_connector)
            own = self._settings.home / "buckets" / str(connector)
            if connector != first:
                check_own_bucket(self._settings.home, own)
            self._buckets[connector] = Bucket(self._settings.bucket if connector == first else own)
        return self._buckets[connector]

    def list_bucket(self, connector: UUID, folder: str, limit: int) -> tuple[list[tuple[str, int | None]], bool]:
        """List what lies directly in a folder: names with bytes, folders with None; and if there is more."""
        level, more = self.bucket(connector).level(folder, limit)
        return [(one, None) if isinstance(one, str) else (one.name, one.size) for one in level], more

    def open(self, connector: UUID, name: str) -> OpenObject:
        """Open an uploaded object or one of the bucket.

        Raises:
            FileNotFoundError: no object has that name.
        """
        try:
            try:
                file = self.folder.open(str(connector), name)
            except FileNotFoundError:
                if connector == PLATFORM:
                    raise
                file = self.bucket(connector).open(name)
        except BadNameError as error:
            raise FileNotFoundError(str(error)) from error
        facts = os.fstat(file.fileno())
        head = os.pread(file.fileno(), SNIFF_BYTES, 0)
        return OpenObject(file, facts.st_size, facts.st_mtime_ns, content_type(name, head))

    def stat(self, connector: UUID, object_name: str) -> ObjectStat | None:
        """Size and content type of an object, None if it does not exist."""
        try:
            opened = self.open(connector, object_name)
        except FileNotFoundError:
            return None
        opened.file.close()
        return ObjectStat(object_name=object_name, size=opened.size, content_type=opened.content_type)

    def delete(self, connector: UUID, object_name: str) -> None:
        """Remove an uploaded object; files in a user's bucket are left alone."""
        self.folder.delete(str(connector), object_name)

    def claim(self, connector: UUID, object_name: str) -> bool:
        """Keep an object from a collection under way, since it gets a row; False if there is none. For writes."""
        try:
            digest = object_digest(str(connector), object_name)
        except BadNameError:
            return False
        if self._claims is not None:
            self._claims.add(digest)
        return self.folder.holds(digest) or self.is_in_bucket(connector, object_name)

    def begin_collection(self) -> None:
        """Note the claims from here on. For writes."""
        self._claims = set()

    def end_collection(self) -> None:
        """Forget the claims. For writes."""
        self._claims = None

    def remove_unclaimed(self, digests: Sequence[str], stored_before: float) -> list[int]:
        """Remove objects that were not claimed since `begin_collection`; returns their sizes. For writes."""
        claims: set[str] = self._claims or set()
        sizes = [self.folder.remove_stored_before(one, stored_before) for one in digests if one not in claims]
        return [size for size in sizes if size is not None]

    def write(self, connector: UUID, object_name: str, content: bytes) -> None:
        """Store bytes as an object."""
        with self.folder.stage() as staged:
            staged.write(content)
            staged.commit(str(connector), object_name)

    @property
    def lifetime(self) -> int:
        """Seconds after which an address expires."""
        return self._settings.link_seconds

    def grant(self, method: str, connector: UUID, object_name: str, **limits: Any) -> Grant:
        """Create a grant with the lifetime of this server's addresses."""
        return Grant(method, str(connector), object_name, self._expiry(), **limits)

    def download_address(self, connector: UUID, object_name: str, base_url: str) -> str:
        """Signed download address of an object."""
        grant = self.grant(GET, connector, object_name)
        return f"{base_url}{OBJECT_PATH}?{self.signer.query(grant)}"

    def is_taken(self, connector: UUID, object_name: str) -> bool:
        """Return True if the name belongs to a registered data or projection, or to a file of the bucket."""
        if self.folder.exists(str(connector), object_name):
            return self._database.read_sync(lambda connection: _is_registered(connection, connector, object_name))
        return self.bucket(connector).stat(object_name) is not None

    def is_in_bucket(self, connector: UUID, object_name: str) -> bool:
        """Return True if the name is that of a file of the bucket, and of no uploaded object."""
        if self.folder.exists(str(connector), object_name):
            return False
        return self.bucket(connector).stat(object_name) is not None

    def probe(
        self, connector: UUID, object_name: str, content_type: str, full: bool = False
    ) -> MediaProperties | ProbeFailure:
        """Read the file's properties, with all that its EXIF tells if `full`; called in a worker thread."""
        try:
            opened = self.open(connector, object_name)
        except FileNotFoundError:
            return ProbeFailure("there is no such object in the storage")
        with closing(opened.file) as file:
            try:
                answer = self._pool.probe(file, full)
            except ProbeCrashedError as error:
                return ProbeFailure(str(error), opened.size, opened.etag)
        if "reason" in answer:
            return ProbeFailure(answer["reason"], answer["size_bytes"], opened.etag)
        kind, announced = answer["content_type"].partition("/")[0], content_type.partition("/")[0]
        if announced in ("image", "video") and kind != announced:
            return ProbeFailure(
                f"announced as {content_type}, but the content is {answer['content_type']}", opened.size, opened.etag
            )
        names = ("width", "height", "size_bytes", "metadata", "custom_metadata", "pages")
        return MediaProperties(**{name: answer[name] for name in names}, etag=opened.etag)

    def picture_copy(self, connector: UUID, object_name: str, large: bool = False) -> bytes | ProbeFailure:
        """JPEG of a picture to be looked at, upright and reduced; called in a worker thread."""
        try:
            opened = self.open(connector, object_name)
        except FileNotFoundError:
            return ProbeFailure("there is no such object in the storage")
        with closing(opened.file) as file:
            try:
                answer = self._pool.copy(file, large)
            except ProbeCrashedError as error:
                return ProbeFailure(str(error), opened.size, opened.etag)
        return base64.b64decode(answer["jpeg"]) if "jpeg" in answer else ProbeFailure(answer["reason"], opened.size)

    def close(self) -> None:
        """End the child processes."""
        self._pool.close()

    def _expiry(self) -> int:
        return math.ceil(time.time()) + self.lifetime


def open_store(settings: Settings, database: Database) -> LocalObjectStore:
    """Create the object store of a server."""
    return LocalObjectStore(settings, database)


def store_of(request: Request) -> LocalObjectStore:
    """Return the object store, typed for the storage routes."""
    return cast("LocalObjectStore", services(request).objects)


def _first_connector(connection: Connection) -> UUID | None:
    organization = schema.organization.c
    return connection.scalar(select(organization.default_connector_id).order_by(schema.ORGANIZATION_ORDER).limit(1))


def _is_registered(connection: Connection, connector: UUID, name: str) -> bool:
    data, projection, lake = schema.data.c, schema.projection.c, schema.lake.c
    lakes = select(lake.key).where(lake.connector_id == connector)
    as_data = select(data.seq).where(data.lake_key.in_(lakes), data.object_name == name)
    as_projection = (
        select(projection.id)
        .join(schema.data, data.seq == projection.data_seq)
        .where(projection.object_name == name, data.lake_key.in_(lakes))
    )
    return any(connection.execute(found.limit(1)).first() is not None for found in (as_data, as_projection))
