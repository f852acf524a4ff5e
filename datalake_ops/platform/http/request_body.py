"""Request bodies, read strictly: JSON without NaN, numbers of at most 64 bits, and the shape that is asked for."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from datalake_ops.platform.http.errors import RefusalError, bad_request, problem_lines

M = TypeVar("M", bound=BaseModel)

# A million identifiers fit in.
BODY_BYTES = 64 * 1024 * 1024


async def read_json(request: Request) -> Any:
    """The JSON value of a request's body.

    Raises:
        RefusalError: 400, it is no JSON; 413, it is larger than any body needs to be.
    """
    try:
        return orjson.loads(await _read(request))
    except orjson.JSONDecodeError as error:
        raise bad_request("The body is no JSON.", str(error)) from error


async def _read(request: Request) -> bytearray:
    # Not `request.stream()`: the event loop keeps a register of async generators, which costs more than the reading.
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise RefusalError(413, f"A body has at most {BODY_BYTES} bytes.")
        if not message.get("more_body", False):
            return body


async def read_body(request: Request, model: type[M]) -> M:
    """A request's body in the shape of a model.

    Raises:
        RefusalError: 400, it is no JSON or of another shape; the detail has one line per problem.
    """
    return parse_as(model, await read_json(request))


def parse_as(model: type[M], raw: Any) -> M:
    """A JSON value in the shape of a model.

    Raises:
        RefusalError: 400, it is of another shape; the detail has one line per problem.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise bad_request("The body is not valid.", problem_lines(error.errors())) from error
