"""Sign-in with a token or a code, and sign-out."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from datalake_ops.platform.console.forms import read_form
from datalake_ops.platform.console.rendering import page, see_other
from datalake_ops.platform.console.routing import SIGN_IN, PageRoute, current_session, require_session
from datalake_ops.platform.console.security import (
    Throttle,
    check_same_site,
    cookie_name,
    local_path,
    set_session_cookie,
)
from datalake_ops.platform.console.sessions import close_session, open_session, open_session_by_code
from datalake_ops.platform.services import services
from datalake_ops.platform.store.tokens import digest

router = APIRouter(include_in_schema=False, route_class=PageRoute)

CODE_PATH = f"{SIGN_IN}/code"
_JOB = "This is the token of a job's program, which opens no console."
_UNKNOWN = "The token is not known here, or has expired."
_USED = "This address has been used, or is older than five minutes. Sign in with a token instead."


def _throttle(request: Request) -> Throttle:
    """Throttle of this application; one for all routes by which a caller may try something."""
    state = request.app.state
    if not hasattr(state, "console_throttle"):
        state.console_throttle = Throttle()
    throttle: Throttle = state.console_throttle
    return throttle


@router.get(SIGN_IN)
async def show(request: Request, next: str = "/") -> Response:
    """Show the form; who has signed in goes on."""
    if await current_session(request) is not None:
        return see_other(request, local_path(next))
    return page(request, "sign_in.html", None, next=local_path(next), problem="")


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Open a session for a token, then the page that was asked for."""
    check_same_site(request)
    throttle, client = _throttle(request), _client(request)
    throttle.check(client)
    form = await read_form(request, None)
    token, wanted = form.get("token"), local_path(form.get("next", "/"))
    principal = await services(request).tokens.principal(token)
    if principal is None or principal.is_expired or principal.job_id is not None:
        throttle.note_failure(client)
        is_job = principal is not None and principal.job_id is not None
        status = HTTPStatus.FORBIDDEN if is_job else HTTPStatus.UNAUTHORIZED
        return page(request, "sign_in.html", None, status, next=wanted, problem=_JOB if is_job else _UNKNOWN)
    return await _opened(request, await open_session(services(request).database, digest(token)), wanted)


@router.get(CODE_PATH)
async def sign_in_by_code(request: Request, code: str = "", next: str = "/") -> Response:
    """Open a session for a code, which ends with that."""
    throttle, client = _throttle(request), _client(request)
    throttle.check(client)
    session_id = await open_session_by_code(services(request).database, code)
    if session_id is None:
        throttle.note_failure(client)
        return page(request, "sign_in.html", None, HTTPStatus.FORBIDDEN, next=local_path(next), problem=_USED)
    return await _opened(request, session_id, local_path(next))


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    session = await require_session(request)
    await read_form(request, session.id)
    await close_session(services(request).database, session.id)
    response = see_other(request, SIGN_IN, "You have signed out.")
    response.delete_cookie(cookie_name(request), path="/")
    return response


async def _opened(request: Request, session_id: str, wanted: str) -> Response:
    # A session that this browser had before must not live on unseen.
    if earlier := request.cookies.get(cookie_name(request)):
        await close_session(services(request).database, earlier)
    response = see_other(request, wanted)
    set_session_cookie(request, response, session_id)
    return response


def _client(request: Request) -> str:
    return request.client.host if request.client else ""
