"""Routes of pages: who has not signed in is led to the sign-in, and an error is a page too."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from datalake_ops.platform.console.rendering import page
from datalake_ops.platform.console.security import cookie_name
from datalake_ops.platform.console.sessions import Session, find_session
from datalake_ops.platform.http.errors import RefusalError, not_found, problem_lines
from datalake_ops.platform.services import services
from datalake_ops.platform.store.database import ReadTooLongError
from datalake_ops.platform.store.disk_space import DiskFullError
from datalake_ops.platform.store.rows import LakeRow

SIGN_IN = "/sign-in"


class SignInRequiredError(Exception):
    """The page is shown only to who has signed in."""


class PageRoute(APIRoute):
    """Route of a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of a request, whose refusals are pages."""
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            try:
                return await handle(request)
            except SignInRequiredError:
                return _sign_in(request)
            except RefusalError as error:
                return await _error_page(request, error.status, error.message, error.detail)
            except RequestValidationError as error:
                lines = problem_lines(error.errors())
                return await _error_page(request, HTTPStatus.BAD_REQUEST, "The address is not valid.", lines)
            except ReadTooLongError as error:
                return await _error_page(request, HTTPStatus.BAD_REQUEST, f"{error} Ask for less.")
            except DiskFullError as error:
                return await _error_page(request, HTTPStatus.INSUFFICIENT_STORAGE, str(error))

        return handle_page


async def current_session(request: Request) -> Session | None:
    """Return the session of the request's cookie, None without a valid one."""
    session_id = request.cookies.get(cookie_name(request))
    return await find_session(services(request).database, session_id) if session_id else None


async def require_session(request: Request) -> Session:
    """Return the session of the request's cookie.

    An `organization` in the path has to be the session's; who looks at another one's cannot tell whether it exists.

    Raises:
        SignInRequiredError: there is none, or it has ended.
        RefusalError: 404, the organization of the path is another one.
    """
    session = await current_session(request)
    if session is None:
        raise SignInRequiredError
    organization: UUID | None = request.path_params.get("organization")
    if organization is not None and organization != session.organization_id:
        raise not_found("The page")
    return session


async def require_lake(request: Request, session: Session, id: UUID) -> LakeRow:
    """Return a lake of the session's organization.

    Raises:
        RefusalError: 404, there is none of this id.
    """
    lake = await services(request).directory.lake(id)
    if lake is None or lake.organization_id != session.organization_id:
        raise not_found(f"Datalake {id}")
    return lake


def _sign_in(request: Request) -> Response:
    """Lead to the sign-in, which leads back to the page; after a form that was sent, to the home page."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = urlencode({"next": wanted}) if request.method == "GET" else ""
    return RedirectResponse(f"{SIGN_IN}?{query}" if query else SIGN_IN, HTTPStatus.SEE_OTHER)


async def _error_page(request: Request, status: int, words: str, detail: str | list[str] | None = None) -> Response:
    lines = [detail] if isinstance(detail, str) else detail or []
    phrase = HTTPStatus(status).phrase
    session = await current_session(request)
    return page(request, "error.html", session, status, phrase=phrase, words=words, lines=lines)
