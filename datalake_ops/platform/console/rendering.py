"""Pages as HTML: templates, messages of the last change, and the headers that confine a page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import RedirectResponse, Response

from datalake_ops.platform.console.security import cookie_name, csrf_token, set_cookie, signed, unsigned
from datalake_ops.platform.console.sessions import Session
from datalake_ops.platform.console.static_files import static_address
from datalake_ops.platform.services import base_url

_MESSAGE_SECONDS = 60
_MESSAGE_LENGTH = 500
_KIBI = 1024


def page(
    request: Request, template: str, session: Session | None, status: int = HTTPStatus.OK, **values: Any
) -> Response:
    """Render a template as a page for a session; `values` are its variables, escaped wherever they are printed."""
    message = _message(request)
    context = {
        "session": session,
        "csrf": csrf_token(request, session.id) if session else "",
        "message": message,
        "path": request.url.path,
        **values,
    }
    text = _TEMPLATES.get_template(template).render(context)
    response = Response(text, status, _headers(request), media_type="text/html")
    if message is not None:
        response.delete_cookie(cookie_name(request, "message"), path="/")
    return response


def see_other(request: Request, path: str, message: str = "", kind: str = "success") -> Response:
    """Send the browser on to a page, which shows a message once; `kind` is success, warning or error."""
    response = RedirectResponse(path, HTTPStatus.SEE_OTHER)
    if message:
        text = quote(f"{kind} {message[:_MESSAGE_LENGTH]}", safe="")
        set_cookie(request, response, "message", signed(request, text), _MESSAGE_SECONDS)
    return response


def _message(request: Request) -> tuple[str, str] | None:
    """Kind and text of the message that the last change left."""
    value = request.cookies.get(cookie_name(request, "message"))
    text = unsigned(request, value) if value else None
    if text is None:
        return None
    kind, _, words = unquote(text).partition(" ")
    return kind, words


def _headers(request: Request) -> Mapping[str, str]:
    # Pictures, videos and uploads go by signed addresses, to the storage itself.
    address = urlsplit(base_url(request))
    storage = f"{address.scheme}://{address.netloc}"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src 'self' {storage}; media-src 'self' {storage}; connect-src 'self' {storage}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _size(value: int | None) -> str:
    """Bytes in the largest binary unit of which there is at least one."""
    if value is None:
        return ""
    size, units = float(value), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= _KIBI and len(units) > 1:
        size, units = size / _KIBI, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"


def _moment(value: datetime | None) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M:%S}Z"


def _query(**values: Any) -> str:
    """Query of an address, without what is empty."""
    return urlencode({name: value for name, value in values.items() if value not in (None, "", [])}, doseq=True)


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(count=_count, size=_size, moment=_moment)
    made.globals.update(static=static_address, query=_query)
    return made


_TEMPLATES = _environment()
