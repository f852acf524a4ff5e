"""Programs that run in place of docker images: code on the server, which its admin alone chooses."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from datalake_ops.platform.handlers.answers import Items
from datalake_ops.platform.http.auth import AdminDep
from datalake_ops.platform.http.errors import bad_request, conflict, json_response, not_found
from datalake_ops.platform.http.openapi import refusals
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.jobs.processings import program_table
from datalake_ops.platform.jobs.processings.program_table import InvalidProgramError, ProgramRow
from datalake_ops.platform.jobs.service import jobs_of
from datalake_ops.platform.services import services
from datalake_ops.wire import routes
from datalake_ops.wire.processings import ImageProgram

router = APIRouter(tags=["programs"])


class ProgramBody(BaseModel):
    """Image, with its tag or without, and the command line that runs in its place."""

    image: str
    command: str


@router.get(routes.PROGRAMS, response_model=Items[ImageProgram])
async def list_programs(request: Request, _admin: AdminDep) -> Response:
    """List the programs that were set while the server ran, of this start or an earlier one."""
    rows = await services(request).database.read(program_table.list_programs)
    return json_response({"items": [_shape(row) for row in rows], "count": len(rows)})


@router.put(routes.PROGRAMS, response_model=ImageProgram, responses=refusals(409))
async def set_program(
    request: Request, _admin: AdminDep, body: Annotated[ProgramBody, json_body(ProgramBody)]
) -> Response:
    """Set the program of an image; jobs that run keep theirs."""
    _check_free(request, body.image)
    try:
        row = await services(request).database.write(
            lambda connection: program_table.set_program(connection, body.image, body.command)
        )
    except InvalidProgramError as error:
        raise bad_request(str(error)) from error
    return json_response(_shape(row))


@router.delete(routes.PROGRAMS, status_code=204, responses=refusals(409))
async def remove_program(image: str, request: Request, _admin: AdminDep) -> Response:
    """Remove the program of an image; launches of it are refused from now on."""
    _check_free(request, image)
    if not await services(request).database.write(
        lambda connection: program_table.remove_program(connection, image), essential=True
    ):
        raise not_found(f"Program of image {image!r}")
    return Response(status_code=204)


def _shape(row: ProgramRow) -> dict[str, str]:
    return {"image": row.image, "command": row.command}


def _check_free(request: Request, image: str) -> None:
    if jobs_of(request).programs.is_named(image):
        raise conflict(f"The program of {image!r} was chosen at the server's start, by --program; it stays.")
