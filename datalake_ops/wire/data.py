"""Data: one image or video of a lake, with its size, metadata, tags and projections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, overload
from uuid import UUID

from datalake_ops.wire.model import Choice, OptionalSignedAddress, WireBody, WireModel
from datalake_ops.wire.sources import DataSource
from datalake_ops.wire.tags import Tag


class DataType(Choice):
    """Media type of a data."""

    IMAGE = "IMAGE"
    VIDEO = "VIDEO"


class UploadStatus(Choice):
    """State of the platform's reading of a file."""

    PENDING = "PENDING"
    COMPUTING = "COMPUTING"
    ERROR = "ERROR"
    DONE = "DONE"

    @property
    def is_terminal(self) -> bool:
        """True if the platform will not change the state any more."""
        return self in (UploadStatus.DONE, UploadStatus.ERROR)


class Meta(WireModel):
    """Width and height in pixels, as shown (EXIF orientation applied)."""

    width: int
    height: int


class Data(WireModel):
    """One file of a lake, as the platform describes it.

    `presigned_url` opens the file for about an hour. It is None in a data that came out of a dump or a pickle, whose
    download requests a fresh one.
    """

    id: UUID
    object_name: str
    filename: str
    type: DataType
    content_type: str
    upload_status: UploadStatus
    meta: Meta | None = None
    presigned_url: OptionalSignedAddress = None
    metadata: dict[str, Any] | None = None
    custom_metadata: dict[str, Any] | None = None
    # Only `GET /api/data/{data}` of Picsellia answers these; the embedded platform answers them everywhere.
    tags: tuple[Tag, ...] | None = None
    data_source: DataSource | None = None
    file_size: int | None = None
    created_at: datetime | None = None
    # Why the file could not be read, with upload_status ERROR; only the embedded platform tells it.
    error_reason: str | None = None

    @property
    def width(self) -> int:
        """Width in pixels; 0 while the platform has not measured it."""
        return self.meta.width if self.meta else 0

    @property
    def height(self) -> int:
        """Height in pixels; 0 while the platform has not measured it."""
        return self.meta.height if self.meta else 0


class MultiData(Sequence[Data]):
    """An immutable, picklable sequence of data."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[Data]) -> None:
        self._items: tuple[Data, ...] = tuple(items)

    @property
    def ids(self) -> list[UUID]:
        """The identifiers, in order."""
        return [data.id for data in self._items]

    @overload
    def __getitem__(self, index: int) -> Data: ...
    @overload
    def __getitem__(self, index: slice) -> MultiData: ...
    def __getitem__(self, index: int | slice) -> Data | MultiData:
        return MultiData(self._items[index]) if isinstance(index, slice) else self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MultiData) and self._items == other._items

    def __hash__(self) -> int:
        return hash(self._items)

    def __add__(self, other: Iterable[Data]) -> MultiData:
        return MultiData((*self._items, *other))

    def __repr__(self) -> str:
        # A traceback may show one whose items could not be read.
        items: tuple[Data, ...] | None = getattr(self, "_items", None)
        return f"MultiData({'...' if items is None else len(items)} data)"


class DataToCreate(WireBody):
    """Body that registers an uploaded object as a data (wire: `POST /api/datalake/{lake}/datas`)."""

    type: DataType
    filename: str
    object_name: str
    content_type: str
    tags: tuple[UUID, ...] = ()
    data_source_id: UUID | None = None
    meta: Meta | None = None
    metadata: dict[str, Any] | None = None
    custom_metadata: dict[str, Any] | None = None

    def payload(self) -> dict[str, Any]:
        """The body, without the optional parts that are unknown or empty, as the official SDK leaves them out."""
        body = super().payload()
        if self.metadata:
            body["metadata"] = {key: value for key, value in body["metadata"].items() if value is not None}
        for key in ("meta", "metadata", "custom_metadata"):
            if not body[key]:
                del body[key]
        return body


class DataChange(WireBody):
    """Change of one data in an import or a bulk update; tags and source by name, created when missing."""

    metadata: dict[str, Any] | None = None
    custom_metadata: dict[str, Any] | None = None
    tags: tuple[str, ...] = ()
    data_source: str | None = None

    def on_top_of(self, data: Data) -> DataChange:
        """The same change, with the keys of metadata and custom metadata that the data has already."""
        kept = {
            name: {**(getattr(data, name) or {}), **getattr(self, name)}
            for name in ("metadata", "custom_metadata")
            if getattr(self, name)
        }
        return self.model_copy(update=kept)


class DataProjection(WireModel):
    """Another rendering of a data (thumbnail, mask, spectral band), kept beside it."""

    id: UUID
    compute_status: UploadStatus
    name: str | None = None
    object_name: str | None = None
    filename: str | None = None
    presigned_url: OptionalSignedAddress = None
    infos: dict[str, Any] | None = None


class ProjectionToCreate(WireBody):
    """Body that registers an uploaded projection (wire: `POST /api/data/{data}/projections`)."""

    name: str
    file_size: int
    object_name: str
    filename: str
    content_type: str
    width: int
    height: int
    additional_info: dict[str, Any] | None = None


# Key of custom metadata where uploads keep the SHA-256 of a file's content.
CONTENT_KEY = "content_sha256"

# Keys of `metadata` and the longest text each may hold (Picsellia's documentation page "datalake-metadata").
METADATA_FLOATS = frozenset(
    "latitude longitude altitude resolution_x resolution_y yaw pitch roll focal_length sensor_width".split()
)
METADATA_DATETIMES = frozenset({"acquired_at"})
METADATA_TEXTS: dict[str, int] = {
    **dict.fromkeys(
        "acquired_by resolution_unit compression manufacturer software color_space custom_id reference brand "
        "region_of_interest".split(),
        128,
    ),
    "weather": 1024,
}
METADATA_KEYS = METADATA_FLOATS | METADATA_DATETIMES | frozenset(METADATA_TEXTS)
