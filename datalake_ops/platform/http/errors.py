"""HTTP error answers: the exceptions that handlers raise, and their form on the wire."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from datalake_ops.platform.http.hosted_parts import hosted_part
from datalake_ops.platform.http.route_table import allowed_methods
from datalake_ops.platform.store.database import ReadTooLongError
from datalake_ops.platform.store.disk_space import DiskFullError, is_disk_full

Detail = str | list[str] | None
_PROBLEMS = 100


class RefusalError(Exception):
    """Error answer with a status of 400 or above, a message and optional details."""

    def __init__(self, status: int, message: str, detail: Detail = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail


def bad_request(message: str, detail: Detail = None) -> RefusalError:
    """400: the request is invalid."""
    return RefusalError(HTTPStatus.BAD_REQUEST, message, detail)


def not_found(what: str) -> RefusalError:
    """404: the resource does not exist, or belongs to another organization; the caller cannot tell the two apart."""
    return RefusalError(HTTPStatus.NOT_FOUND, f"{what} was not found.")


def conflict(message: str) -> RefusalError:
    """409: the name is taken or the state does not allow the request."""
    return RefusalError(HTTPStatus.CONFLICT, message)


def json_response(value: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """JSON response; identifiers and datetimes are serialized as text."""
    body = orjson.dumps(value, option=orjson.OPT_UTC_Z)
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def install(app: FastAPI) -> None:
    """Install exception handlers, so that every failure is answered in the wire's form."""
    app.add_exception_handler(RefusalError, _on_refusal)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ReadTooLongError, _on_long_read)
    app.add_exception_handler(DiskFullError, _on_full_disk)
    for kind in (OSError, DBAPIError, sqlite3.Error):
        app.add_exception_handler(kind, _on_full_disk)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_defect)


def _problem(status: int, message: str, detail: Detail = None, headers: dict[str, str] | None = None) -> Response:
    return json_response({"message": _encodable(message), "detail": _encodable(detail)}, status, headers)


def _encodable(said: Detail) -> Detail:
    """Escape lone surrogates, which JSON lets through and UTF-8 does not."""
    if isinstance(said, list):
        return [line.encode("utf-8", "backslashreplace").decode() for line in said]
    return None if said is None else said.encode("utf-8", "backslashreplace").decode()


async def _on_refusal(_request: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, RefusalError) else RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == HTTPStatus.UNAUTHORIZED else None
    return _problem(refusal.status, refusal.message, refusal.detail, headers)


async def _on_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    if status == HTTPStatus.NOT_FOUND and (part := hosted_part(request.url.path)) is not None:
        words = f"The embedded platform has no {part}; they are part of the hosted platform only."
        return _problem(HTTPStatus.NOT_IMPLEMENTED, words)
    if status == HTTPStatus.NOT_FOUND:
        return _problem(status, f"No such address: {request.method} {request.url.path}.")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = {"Allow": allowed_methods(request.app.state.routers, request.url.path)}
        return _problem(status, f"{request.method} is not possible on {request.url.path}.", headers=allowed)
    return _problem(status, str(getattr(error, "detail", error)))


async def _on_invalid(_request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    return _problem(HTTPStatus.BAD_REQUEST, "The request is not valid.", problem_lines(problems))


def problem_lines(problems: Sequence[Any]) -> list[str]:
    """One line per validation error of Pydantic, up to a hundred: location and message."""
    shown = problems[:_PROBLEMS]
    lines = [f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}" for item in shown]
    return [*lines, f"... and {len(problems) - _PROBLEMS} more"] if len(problems) > _PROBLEMS else lines


async def _on_long_read(_request: Request, error: Exception) -> Response:
    # Not a 503: the same request would take as long again.
    return _problem(HTTPStatus.BAD_REQUEST, f"{error} Ask for less, or by a tag or a file name.")


async def _on_full_disk(_request: Request, error: Exception) -> Response:
    if not is_disk_full(error):
        raise error
    return _problem(HTTPStatus.INSUFFICIENT_STORAGE, str(DiskFullError()))


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    # No client reads this; it only keeps a disconnect out of the server's log.
    return _problem(HTTPStatus.BAD_REQUEST, "The connection ended before the body did.")


async def _on_defect(request: Request, error: Exception) -> Response:
    # Uvicorn logs the traceback; the answer says only that the platform failed.
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"The platform failed on {request.method} {request.url.path} ({type(error).__name__}); see its log.",
    )
