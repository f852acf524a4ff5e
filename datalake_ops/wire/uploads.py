"""Uploads: object names, presigned addresses and multipart."""

from __future__ import annotations

from datalake_ops.wire.model import Choice, OptionalSignedAddress, SignedAddress, SignedFields, WireModel

# Files above this go by multipart, in parts of this size (SDK since 6.11).
PART_BYTES = 25 * 1024 * 1024
# Files in one request of the extension `presigned-batch`, at most.
PRESIGNED_BATCH = 100


class ObjectType(Choice):
    """Kind of content of an object; the platform chooses the object name by it."""

    DATA = "DATA"
    DATA_PROJECTION = "DATA_PROJECTION"
    LOGGING = "LOGGING"


class ClientType(Choice):
    """Storage protocol of a presigned answer."""

    AWS = "aws"
    MINIO = "minio"
    GOOGLE = "google"
    AZURE = "azure"


class ObjectName(WireModel):
    """The name the platform chose for an object."""

    object_name: str


class PresignedData(WireModel):
    """Presigned address of an upload, and the form fields or headers to send with it."""

    url: SignedAddress
    fields: SignedFields


class PresignedUpload(WireModel):
    """Answer to `generate_presigned_url`."""

    client_type: str
    presigned_url_data: PresignedData


class PresignedObject(PresignedUpload):
    """Name of a new object, with its presigned address."""

    object_name: str


class PresignedBatch(WireModel):
    """Answer to `presign_uploads`: an object for each file, in order; addresses expire in `expires_in` seconds."""

    objects: tuple[PresignedObject, ...]
    expires_in: float


class DownloadAddress(WireModel):
    """Answer to `retrieve_presigned_url`."""

    presigned_url: SignedAddress


class MultipartStart(WireModel):
    """Answer to `init_multipart_upload`; without a known `client_type` the file goes as a single upload."""

    client_type: str | None = None
    upload_id: str | None = None
    url: OptionalSignedAddress = None


class PartAddress(WireModel):
    """Presigned address to `PUT` one part to."""

    url: SignedAddress


class StoredPart(WireModel):
    """One part that the storage has, with its size in bytes (extension `multipart-parts`)."""

    ETag: str
    PartNumber: int
    Size: int


class StoredParts(WireModel):
    """The parts of an upload under way, in order (extension `multipart-parts`)."""

    parts: tuple[StoredPart, ...]


class ObjectStat(WireModel):
    """Size and checksum of a stored object, as the storage knows them (extension `object-stat`)."""

    object_name: str
    size: int
    content_type: str | None = None
