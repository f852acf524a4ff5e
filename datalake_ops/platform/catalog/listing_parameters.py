"""Query parameters and bodies of searches and listings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from datalake_ops.platform.catalog.listing import parse_custom
from datalake_ops.platform.catalog.listing_filter import USUAL_STATUSES, USUAL_TYPES, ListingFilter
from datalake_ops.platform.catalog.ordering import MAX_OFFSET
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.wire.paging import PAGE_SIZE

# The official SDK before 6.16 asked for pages of this size.
_LARGEST_PAGE = 10_000
_LARGEST_LIST = 10_000


class VisibilityParameters(BaseModel):
    """Upload statuses and types that a search or listing shows."""

    upload_statuses: list[str] | None = None
    types: list[str] | None = None

    def listing_filter(self) -> ListingFilter:
        """Build the filter; absent parameters mean DONE and IMAGE."""
        statuses = USUAL_STATUSES if self.upload_statuses is None else frozenset(self.upload_statuses)
        types = USUAL_TYPES if self.types is None else frozenset(self.types)
        return ListingFilter(statuses, types)


class FindParameters(VisibilityParameters):
    """Query parameters of a search."""

    id: UUID | None = None
    filename: str | None = None
    object_name: str | None = None

    def criteria(self) -> dict[str, Any]:
        """Columns that are given, with their values."""
        given = {"id": self.id, "filename": self.filename, "object_name": self.object_name}
        criteria = {name: value for name, value in given.items() if value is not None}
        if not criteria:
            raise bad_request("Give an id, a filename or an object_name to find by.")
        return criteria


class ListingParameters(VisibilityParameters):
    """Query parameters of a listing."""

    limit: int = Field(default=PAGE_SIZE, ge=1, le=_LARGEST_PAGE)
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET)
    cursor: str | None = None
    q: str = ""
    order_by: list[str] = Field(default_factory=list)
    custom_metadata: str | None = None

    def listing_filter(self) -> ListingFilter:
        """Build the filter of a listing."""
        return replace(super().listing_filter(), q=self.q, custom_metadata=parse_custom(self.custom_metadata))


class DataLookup(BaseModel):
    """Body of a listing by ids, file names or object names: exactly one of the three."""

    ids: list[UUID] | None = Field(default=None, min_length=1, max_length=_LARGEST_LIST)
    filenames: list[str] | None = Field(default=None, min_length=1, max_length=_LARGEST_LIST)
    object_names: list[str] | None = Field(default=None, min_length=1, max_length=_LARGEST_LIST)
    upload_statuses: list[str] | None = None
    types: list[str] | None = None
    q: str = ""

    @model_validator(mode="after")
    def _exactly_one(self) -> DataLookup:
        if len([values for values in (self.ids, self.filenames, self.object_names) if values is not None]) != 1:
            raise ValueError("give exactly one of ids, filenames and object_names")
        return self
