"""Pictures that pages show: small copies of a lake's data."""

from __future__ import annotations

import textwrap
from html import escape
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from datalake_ops.platform.console.picture_cache import pictures_of
from datalake_ops.platform.console.routing import PageRoute, require_lake, require_session
from datalake_ops.platform.console.static_files import static_address
from datalake_ops.platform.http.errors import not_found
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.wire.data import DataType

router = APIRouter(include_in_schema=False, route_class=PageRoute)

# The address of a picture stays when an object of the bucket is overwritten.
_HEADERS = {
    "Cache-Control": "private, max-age=300",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}

# About 110 of the 120 units of the drawing below, at 5 units a character's height.
_LINE_CHARACTERS, _LINES = 42, 5
_NO_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 90" role="img"><title>{title}</title>'
    '<rect width="120" height="90" fill="#888" fill-opacity=".15"/>'
    '<path d="M45 12h30v30H45zM45 12l30 30M75 12L45 42" fill="none" stroke="#888" stroke-width="3"/>'
    '<text y="48" font-family="sans-serif" font-size="5" text-anchor="middle" fill="#777">{text}</text></svg>'
)


@router.get("/{organization:uuid}/datalake/{datalake:uuid}/data/{data:uuid}/{size}.jpg")
async def show(request: Request, organization: UUID, datalake: UUID, data: UUID, size: str) -> Response:
    """Send a copy of a picture: `small` for a page of many, `large` for one alone; a drawing where there is none."""
    if size not in ("small", "large"):
        raise not_found("The picture")
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    columns = schema.data.c
    statement = select(columns.object_name, columns.type, columns.etag).where(
        columns.id == data, columns.lake_key == lake.key
    )
    row = await services(request).database.read(lambda connection: connection.execute(statement).first())
    if row is None:
        raise not_found(f"Data {data}")
    if row.type != DataType.IMAGE.value:
        return _sign("video.svg")
    content = await pictures_of(request).get(lake.connector_id, row.object_name, row.etag or "", size == "large")
    if isinstance(content, str):
        return _no_picture(content)
    return Response(content, media_type="image/jpeg", headers=_HEADERS)


def _no_picture(reason: str) -> Response:
    """Drawing in place of a picture that cannot be shown, with the reason in it."""
    # XML has no control characters, and damaged files bring any into a reason.
    words = "".join(character if character.isprintable() else " " for character in reason)
    lines = textwrap.wrap(words, _LINE_CHARACTERS, max_lines=_LINES, placeholder=" ...")
    text = "".join(f'<tspan x="60" dy="6">{escape(line)}</tspan>' for line in lines)
    drawing = _NO_PICTURE.format(title=escape(words), text=text)
    return Response(drawing, media_type="image/svg+xml", headers={**_HEADERS, "Cache-Control": "private, max-age=60"})


def _sign(name: str) -> Response:
    return RedirectResponse(static_address(name), HTTPStatus.FOUND, headers={"Cache-Control": "private, max-age=60"})
