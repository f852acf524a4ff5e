"""Answers of the platform that the wire has no model for; they describe the routes in the OpenAPI document."""

from __future__ import annotations

from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

from datalake_ops.platform.catalog.metadata_schema import Configuration
from datalake_ops.platform.http.fault_injection import FaultRule
from datalake_ops.wire.jobs import JobStatus

T = TypeVar("T")


class Empty(BaseModel):
    """Object without keys."""


class Count(BaseModel):
    """Number of resources that a request changed or deleted."""

    count: int


class Items(BaseModel, Generic[T]):
    """List of resources, and how many match; for a list without pages, its length."""

    items: list[T]
    count: int | None = None


class CustomMetadata(BaseModel):
    """Custom metadata of a data after their change."""

    custom_metadata: dict[str, Any] | None


class MetadataSchema(BaseModel):
    """Schema of a lake's custom metadata; `keys` are indexations, of which there are none here."""

    custom_metadata_schema: dict[str, Configuration] | None
    allow_extra_custom_metadata: bool
    keys: dict[str, Any]


class JobState(BaseModel):
    """Status of a job."""

    id: UUID
    status: JobStatus


class ComputeConnector(BaseModel):
    """Machine that processings run on."""

    id: UUID
    name: str
    url: str
    client_type: str
    enabled: bool


class User(BaseModel):
    """User of an organization."""

    id: UUID
    username: str


class Users(BaseModel):
    """Users of an organization."""

    users: list[User]


class Health(BaseModel):
    """Status of a server whose database can be read."""

    status: str


class FaultId(BaseModel):
    """Id of a scripted fault."""

    id: str


class MetFault(FaultRule):
    """Scripted fault, and how often it was met."""

    id: str
    met: int


class JournalEntry(BaseModel):
    """Request as the journal has it; `status` is null while it is answered."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    status: int | None
    fault: str | None


class NewLake(BaseModel):
    """Id of a lake that was created."""

    id: UUID


class NewOrganizationBody(BaseModel):
    """Organization that was created, with its lake, connector and token."""

    organization_id: UUID
    datalake_id: UUID
    connector_id: UUID
    token: str
