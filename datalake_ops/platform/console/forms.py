"""Forms that a page sends: read up to a limit, and only with the proof that they were made for the session."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import Request
from starlette.requests import ClientDisconnect

from datalake_ops.platform.console.security import CSRF_HEADER, check_csrf
from datalake_ops.platform.http.body_limits import RESOURCE
from datalake_ops.platform.http.errors import RefusalError, bad_request
from datalake_ops.platform.store.types import parse_id

_TYPE = "application/x-www-form-urlencoded"
_FIELDS = 20_000


@dataclass(frozen=True)
class Form:
    """Fields of a form, in the order in which they were sent."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """Last value of a field, without blanks around it."""
        return next((value.strip() for key, value in reversed(self.fields) if key == name), default)

    def get_all(self, name: str) -> list[str]:
        """Every value of a field that is not empty, without blanks around it."""
        return [value.strip() for key, value in self.fields if key == name and value.strip()]

    def get_ids(self, name: str) -> list[UUID]:
        """Every value of a field, as ids.

        Raises:
            RefusalError: 400, one is none.
        """
        ids = [parse_id(value) for value in self.get_all(name)]
        if None in ids:
            raise bad_request(f"The field {name} has to hold ids.")
        return [one for one in ids if one is not None]


async def read_form(request: Request, session_id: str | None) -> Form:
    """Read the fields of a form that was made for a session; without one, for the form of the sign-in itself.

    Raises:
        RefusalError: 400, it is no form; 403, it was not made for the session; 413, it is too large.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _TYPE:
        raise bad_request(f"A form is sent as {_TYPE}.")
    try:
        pairs = parse_qsl((await _receive(request)).decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as error:  # Of which a wrong encoding is one.
        raise bad_request(f"The form cannot be read: {error}.") from error
    form = Form(tuple(pairs))
    if session_id is not None:
        check_csrf(request, session_id, form.get("csrf") or request.headers.get(CSRF_HEADER, ""))
    return form


async def _receive(request: Request) -> bytes:
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > RESOURCE:
            raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A form has at most {RESOURCE} bytes.")
        if not message.get("more_body", False):
            return bytes(body)
