"""Launch of a processing on chosen data: first the processing, then its parameters and inputs."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from datalake_ops.platform.console.forms import Form, read_form
from datalake_ops.platform.console.launch_form import input_fields, parameter_fields, read_inputs, read_parameters
from datalake_ops.platform.console.rendering import page, see_other
from datalake_ops.platform.console.routing import PageRoute, require_lake, require_session
from datalake_ops.platform.console.selection import Selection, read_selection
from datalake_ops.platform.console.sessions import Session
from datalake_ops.platform.http.errors import RefusalError, not_found
from datalake_ops.platform.jobs.job_table import JobKeys
from datalake_ops.platform.jobs.processings.launch_body import LaunchBody
from datalake_ops.platform.jobs.processings.launch_request import Launch
from datalake_ops.platform.jobs.service import jobs_of
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.tokens import Principal
from datalake_ops.platform.store.types import parse_id
from datalake_ops.wire.processings import ProcessingTarget

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.post("/{organization:uuid}/datalake/{datalake:uuid}/launch")
async def launch(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Show the processings, then the form of one; start the job once that is sent, and open its page."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    form = await read_form(request, session.id)
    chosen = await read_selection(request, lake, form)
    if not form.get("processing"):
        return await _choices(request, session, lake, chosen)
    processing = await _processing(request, session, form.get("processing"))
    if form.get("go") != "yes":
        return await _form(request, session, lake, chosen, processing, None)
    try:
        job = await _start(request, session, lake, chosen, processing, form)
    except RefusalError as error:
        return await _form(request, session, lake, chosen, processing, form, error)
    return see_other(request, f"/{organization}/jobs/{job}", f"The processing {processing.name} was launched.")


async def _choices(request: Request, session: Session, lake: LakeRow, chosen: Selection) -> Response:
    column = schema.processing.c
    is_visible = column.organization_id.is_(None) | (column.organization_id == session.organization_id)
    on_lakes = column.target == ProcessingTarget.DATALAKE.value
    statement = select(column.id, column.name, column.description).where(is_visible, on_lakes).order_by(column.name)
    rows = await services(request).database.read(lambda connection: connection.execute(statement).mappings().all())
    return page(
        request, "launch_choice.html", session, **_of_lake(lake, chosen), processings=[dict(row) for row in rows]
    )


async def _processing(request: Request, session: Session, text: str) -> Any:
    column = schema.processing.c
    is_visible = column.organization_id.is_(None) | (column.organization_id == session.organization_id)
    statement = select(schema.processing).where(column.id == parse_id(text), is_visible)
    row = await services(request).database.read(lambda connection: connection.execute(statement).first())
    if row is None:
        raise not_found(f"Processing {text}")
    return row


async def _form(
    request: Request,
    session: Session,
    lake: LakeRow,
    chosen: Selection,
    processing: Any,
    form: Form | None,
    error: RefusalError | None = None,
) -> Response:
    column = schema.lake.c
    statement = select(column.id, column.name).where(column.organization_id == session.organization_id)

    def read(connection: Connection) -> tuple[list[tuple[str, str]], Any]:
        rows = connection.execute(statement.order_by(column.name))
        return [(str(row.id), row.name) for row in rows], _declared(connection, processing.id)

    lakes, declared = await services(request).database.read(read)
    return page(
        request,
        "launch.html",
        session,
        error.status if error else 200,
        **_of_lake(lake, chosen),
        processing=processing,
        parameters=parameter_fields(processing.default_parameters or {}, form),
        inputs=input_fields(declared, lakes, form),
        problem=error.message if error else "",
        # The same form sent twice starts one job.
        key=(form.get("key") if form else "") or uuid4().hex,
    )


async def _start(
    request: Request, session: Session, lake: LakeRow, chosen: Selection, processing: Any, form: Form
) -> UUID:
    declared = await services(request).database.read(lambda connection: _declared(connection, processing.id))
    body = LaunchBody(
        processing_id=processing.id,
        parameters=read_parameters(processing.default_parameters or {}, form),
        data_ids=chosen.ids,
        inputs=read_inputs(declared, form),
    )
    principal = Principal(session.organization_id, session.user_id, session.username, is_admin=session.is_admin)
    key = parse_id(form.get("key")) or uuid4()
    keys = JobKeys(f"console-{key}", {"orchestrator": "console", "user": session.username})
    row = await jobs_of(request).launch(Launch(lake, principal, body, keys))
    job: UUID = row.id
    return job


def _declared(connection: Connection, processing: UUID) -> Any:
    declared = schema.processing_input
    statement = select(declared).where(declared.c.processing_id == processing).order_by(declared.c.name)
    return connection.execute(statement).all()


def _of_lake(lake: LakeRow, chosen: Selection) -> dict[str, Any]:
    address = f"/{lake.organization_id}/datalake/{lake.id}"
    return {"lake": lake, "address": address, "fields": chosen.fields, "count": len(chosen.ids),
            "back": f"{address}?{chosen.filter.query}".rstrip("?")}  # fmt: skip
