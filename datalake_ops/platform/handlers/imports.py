"""Imports from the lake's bucket (wire: section 10): validated at once, done by a job."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Discriminator, Field, RootModel, Tag
from sqlalchemy import Connection, select
from starlette.responses import Response

from datalake_ops.platform.catalog.metadata_schema import read_schema
from datalake_ops.platform.catalog.metadata_validation import validate_metadata
from datalake_ops.platform.catalog.ownership import LakeDep
from datalake_ops.platform.catalog.tags_and_sources import validate_name
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.body_limits import MANY
from datalake_ops.platform.http.errors import RefusalError, bad_request, json_response
from datalake_ops.platform.http.openapi import JOB_HEADERS, refusals
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.jobs.job_headers import read_job_keys
from datalake_ops.platform.jobs.job_table import NewJob
from datalake_ops.platform.jobs.serialization import serialize_job
from datalake_ops.platform.jobs.service import jobs_of
from datalake_ops.platform.objects.bucket import check_prefix
from datalake_ops.platform.objects.names import BadNameError
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.tokens import Principal
from datalake_ops.wire import routes
from datalake_ops.wire.data import DataChange
from datalake_ops.wire.jobs import ImportAnswer, JobKind, OnChanged
from datalake_ops.wire.paging import IMPORT_SIZE

router = APIRouter(tags=["imports"])

_PREFIXES = 10_000
# Extension `import-metadata`; without it an import reads what the official SDK's `fill_metadata` reads.
FillMetadata = Literal["full"] | None


def _kind(raw: Any) -> str:
    named = "objects" in raw if isinstance(raw, dict) else isinstance(raw, ObjectsBody)
    return "named" if named else "prefixed"


class PrefixesBody(BaseModel):
    """Body of an import by prefixes, with the same tags and source for all objects."""

    prefixes: list[str] = Field(min_length=1, max_length=_PREFIXES)
    tag_ids: list[UUID] = Field(default_factory=list, max_length=1000)
    data_source_id: UUID | None = None
    fill_metadata: FillMetadata = None
    on_changed: OnChanged = OnChanged.SKIP


class ObjectsBody(BaseModel):
    """Body of an import by object names, each with its metadata, tags and source."""

    objects: dict[str, DataChange | None] = Field(min_length=1, max_length=IMPORT_SIZE)
    fill_metadata: FillMetadata = None
    on_changed: OnChanged = OnChanged.SKIP


_NAMED = Annotated[ObjectsBody, Tag("named")]
_PREFIXED = Annotated[PrefixesBody, Tag("prefixed")]


class ImportBody(RootModel[Annotated[_NAMED | _PREFIXED, Discriminator(_kind)]]):
    """Body of an import: by object names, or by prefixes."""


class NamedProjection(BaseModel):
    """Projection to import: its name, and the object that holds it."""

    name: str = Field(min_length=1, max_length=256)
    object_name: str


class ProjectionsBody(BaseModel):
    """Body of an import of projections, by the object name of their data."""

    projections: dict[str, list[NamedProjection]] = Field(min_length=1, max_length=IMPORT_SIZE)


@router.post(routes.IMPORT_OBJECTS, response_model=ImportAnswer, responses=refusals(409), openapi_extra=JOB_HEADERS)
async def import_objects(
    request: Request,
    lake: LakeDep,
    principal: PrincipalDep,
    given: Annotated[ImportBody, json_body(ImportBody, MANY, tagged=True)],
) -> Response:
    """Import by prefixes or by object names, depending on the body."""
    body = given.root

    def check(connection: Connection) -> dict[str, Any]:
        return _objects(connection, lake, body) if isinstance(body, ObjectsBody) else _prefixes(connection, lake, body)

    parameters = await services(request).database.read(check)
    return await _start(request, lake, principal, {**parameters, "fill_metadata": body.fill_metadata})


@router.post(routes.IMPORT_PROJECTIONS, response_model=ImportAnswer, responses=refusals(409), openapi_extra=JOB_HEADERS)
async def import_projections(
    request: Request,
    lake: LakeDep,
    principal: PrincipalDep,
    body: Annotated[ProjectionsBody, json_body(ProjectionsBody, MANY)],
) -> Response:
    """Import projections of data that are in the lake."""
    return await _start(request, lake, principal, body.model_dump())


async def _start(request: Request, lake: LakeRow, principal: Principal, parameters: dict[str, Any]) -> Response:
    new = NewJob(lake.organization_id, principal.user_id, lake.key, JobKind.IMPORT, parameters, read_job_keys(request))
    row = await jobs_of(request).start_import(new)
    shape = {"id": lake.id, "name": lake.name, "connector_id": lake.connector_id}
    return json_response({"datalake": shape, "job": serialize_job(row, request)})


def _prefixes(connection: Connection, lake: LakeRow, body: PrefixesBody) -> dict[str, Any]:
    try:
        prefixes = [check_prefix(prefix) for prefix in body.prefixes]
    except BadNameError as error:
        raise bad_request(f"prefixes: {error}") from error
    tags, source = schema.tag.c, schema.source.c
    keys = []
    for tag in dict.fromkeys(body.tag_ids):
        key = connection.execute(select(tags.key).where(tags.id == tag, tags.lake_key == lake.key)).scalar()
        if key is None:
            raise bad_request(f"tag_ids: {tag} is not a data tag of the datalake.")
        keys.append(key)
    source_key = None
    if body.data_source_id is not None:
        mine = (source.id == body.data_source_id, source.organization_id == lake.organization_id)
        source_key = connection.execute(select(source.key).where(*mine)).scalar()
        if source_key is None:
            raise bad_request(f"data_source_id {body.data_source_id} is not a data source of the organization.")
    return {"prefixes": prefixes, "tag_keys": keys, "source_key": source_key, "on_changed": body.on_changed.value}


def _objects(connection: Connection, lake: LakeRow, body: ObjectsBody) -> dict[str, Any]:
    lake_schema = read_schema(connection, lake.key)
    valid = {}
    for name, given in body.objects.items():
        change = given or DataChange()
        try:
            valid[name] = {
                "metadata": validate_metadata(change.metadata),
                "custom_metadata": lake_schema.validate(change.custom_metadata) if change.custom_metadata else None,
                "tags": [validate_name(tag, "tag") for tag in change.tags],
                "data_source": validate_name(change.data_source, "data source") if change.data_source else None,
            }
        except RefusalError as error:
            raise RefusalError(error.status, f"Object {name!r}: {error.message}", error.detail) from error
    return {"objects": valid, "on_changed": body.on_changed.value}
