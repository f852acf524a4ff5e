"""Operations on data: register, find, list, change, delete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from datalake_ops.client.operation import Operation, Repeat, items, model, nothing, query, raw
from datalake_ops.wire import routes
from datalake_ops.wire.data import (
    Data,
    DataChange,
    DataProjection,
    DataToCreate,
    DataType,
    ProjectionToCreate,
    UploadStatus,
)
from datalake_ops.wire.paging import Page

# The platform's own default is narrower: every listing and search names all statuses and types.
_STATUSES = tuple(
    status.value for status in (UploadStatus.PENDING, UploadStatus.COMPUTING, UploadStatus.DONE, UploadStatus.ERROR)
)
_TYPES = (DataType.IMAGE.value, DataType.VIDEO.value)

Names = Literal["ids", "filenames", "object_names"]


@dataclass(frozen=True)
class DataFilter:
    """Filter of a listing: query-language text, and custom metadata that data must have."""

    q: str | None = None
    custom_metadata: Mapping[str, Any] | None = None

    def pairs(self, **more: Any) -> tuple[tuple[str, str], ...]:
        """The filter as query pairs, beside what a listing mode adds."""
        return query(q=self.q or None, custom_metadata=_json(self.custom_metadata), **more)


@dataclass(frozen=True)
class Window:
    """Part of a listing: at most `limit` data, from `offset` or from `cursor` on."""

    limit: int
    offset: int | None = None
    cursor: str | None = None


def create_data(datalake: UUID, data: DataToCreate) -> Operation[Data]:
    """Register an uploaded object as a data."""
    path = routes.DATAS.format(datalake=datalake)
    return Operation("POST", path, model(Data), body=data.payload(), repeat=Repeat.ONCE)


def get_data(data: UUID) -> Operation[Data]:
    """One data, with its tags and source."""
    return Operation("GET", routes.DATA.format(data=data), model(Data))


def find_data(
    datalake: UUID, filename: str | None = None, object_name: str | None = None, id: UUID | str | None = None
) -> Operation[Data]:
    """The one data that matches; 404 for none, 400 for several."""
    pairs = query(
        id=id, filename=filename, object_name=object_name, upload_statuses=list(_STATUSES), types=list(_TYPES)
    )
    return Operation("GET", routes.DATAS_FIND.format(datalake=datalake), model(Data), pairs)


def list_page(datalake: UUID, filter: DataFilter, window: Window) -> Operation[Page[Data]]:
    """One page by cursor, in the platform's stable order."""
    pairs = filter.pairs(
        limit=window.limit,
        offset=window.offset,
        cursor=window.cursor,
        upload_statuses=list(_STATUSES),
        types=list(_TYPES),
    )
    return Operation("GET", routes.DATAS.format(datalake=datalake), model(Page[Data]), pairs)


def list_ordered(datalake: UUID, filter: DataFilter, window: Window, order_by: Sequence[str]) -> Operation[Page[Data]]:
    """One page by offset, in the order asked for (`-` before a field name means descending)."""
    pairs = filter.pairs(
        limit=window.limit,
        offset=window.offset or 0,
        order_by=list(order_by),
        upload_statuses=list(_STATUSES),
        types=list(_TYPES),
    )
    return Operation("GET", routes.DATAS.format(datalake=datalake), model(Page[Data]), pairs)


def list_named(
    datalake: UUID, names: Names, values: Iterable[UUID | str], filter: DataFilter, order_by: Sequence[str] = ()
) -> Operation[Page[Data]]:
    """Data by ids, file names or object names, at most 1,000 values a call; what is unknown is absent."""
    body: dict[str, Any] = {names: list(values), "upload_statuses": _STATUSES, "types": _TYPES}
    if filter.q:
        body["q"] = filter.q
    pairs = query(order_by=list(order_by), custom_metadata=_json(filter.custom_metadata))
    return Operation("XGET", routes.DATAS.format(datalake=datalake), model(Page[Data]), pairs, body)


def update_metadata(data: UUID, metadata: Mapping[str, Any] | None) -> Operation[Data]:
    """Set the metadata of a data."""
    return Operation("PATCH", routes.DATA.format(data=data), model(Data), body={"metadata": metadata})


def update_custom_metadata(data: UUID, custom_metadata: Mapping[str, Any] | None) -> Operation[dict[str, Any]]:
    """Set the custom metadata of a data."""
    path = routes.DATA_CUSTOM_METADATA.format(data=data)
    return Operation("PATCH", path, raw, body={"custom_metadata": custom_metadata})


def update_many(datalake: UUID, changes: Mapping[UUID, DataChange]) -> Operation[None]:
    """Change 1 to 100 data at once."""
    objects = {str(data): change.payload() for data, change in changes.items()}
    body = {"datalake_id": datalake, "objects": objects}
    return Operation("PATCH", routes.DATA_BULK.format(datalake=datalake), nothing, body=body)


def delete_many(datalake: UUID, data_ids: Iterable[UUID]) -> Operation[None]:
    """Delete data."""
    return Operation("DELETE", routes.DATAS.format(datalake=datalake), nothing, body={"ids": list(data_ids)})


def data_address(data: UUID) -> Operation[str | None]:
    """A fresh presigned address of a data's file; None when there is no file."""
    return Operation("GET", routes.DATA_ADDRESS.format(data=data), lambda body: raw(body)["presigned_url"])


def create_projection(data: UUID, projection: ProjectionToCreate) -> Operation[DataProjection]:
    """Register an uploaded projection of a data."""
    path = routes.PROJECTIONS.format(data=data)
    return Operation("POST", path, model(DataProjection), body=projection.payload(), repeat=Repeat.ONCE)


def list_projections(data: UUID) -> Operation[list[DataProjection]]:
    """All projections of a data."""
    return Operation("GET", routes.PROJECTIONS.format(data=data), items(DataProjection))


def _json(value: Mapping[str, Any] | None) -> str | None:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) if value else None
