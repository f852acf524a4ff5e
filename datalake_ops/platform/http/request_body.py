"""Strict parsing of request bodies: JSON without NaN, integers of at most 64 bits, validated by a model."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from datalake_ops.platform.http.errors import RefusalError, bad_request, problem_lines

M = TypeVar("M", bound=BaseModel)

# Room for a million ids.
BODY_BYTES = 64 * 1024 * 1024


async def read_json(request: Request) -> Any:
    """Parse a request's JSON body.

    Raises:
        RefusalError: 400, it is not valid JSON; 413, it is too large.
    """
    try:
        return orjson.loads(await _read(request))
    except orjson.JSONDecodeError as error:
        raise bad_request("The body is not valid JSON.", str(error)) from error


async def _read(request: Request) -> bytearray:
    # Not `request.stream()`: the event loop keeps a register of async generators, which costs more than reading.
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
    """Parse a request's body into a model.

    Raises:
        RefusalError: 400, it is not valid JSON or invalid; the detail has one line per problem.
    """
    return parse_as(model, await read_json(request))


def parse_as(model: type[M], raw: Any) -> M:
    """Validate a JSON value as a model.

    Raises:
        RefusalError: 400, it is invalid; the detail has one line per problem.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise bad_request("The body is not valid.", problem_lines(error.errors())) from error
