"""Defences of the console's pages: the cookie, proof that a form is ours, local addresses, and the throttle."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections import OrderedDict
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from datalake_ops.platform.console.sessions import LIFETIME
from datalake_ops.platform.http.errors import RefusalError
from datalake_ops.platform.services import base_url, services

CSRF_HEADER = "X-CSRF-Token"
_ATTEMPTS = 10
_WINDOW_SECONDS = 60.0
_CLIENTS = 10_000
# A path below this server: one slash, and neither a second one nor a backslash, which browsers read as one.
_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def cookie_name(request: Request, purpose: str = "session") -> str:
    """Name of a cookie: this installation's own, since browsers send a host's cookies to each of its ports."""
    own = _keyed(request, "cookie")[:8]
    prefix = "__Host-" if is_secure(request) else ""
    return f"{prefix}datalake_{own}_{purpose}"


def set_cookie(request: Request, response: Response, purpose: str, value: str, seconds: int) -> None:
    """Set a cookie that scripts cannot read; a link from another site brings it along, a form does not."""
    response.set_cookie(
        cookie_name(request, purpose),
        value,
        max_age=seconds,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def set_session_cookie(request: Request, response: Response, session_id: str) -> None:
    """Let the browser keep a session's id."""
    set_cookie(request, response, "session", session_id, int(LIFETIME.total_seconds()))


def is_secure(request: Request) -> bool:
    """Return True if browsers reach this server by HTTPS."""
    return base_url(request).startswith("https:")


def csrf_token(request: Request, session_id: str) -> str:
    """Proof that a form was made for a session: a keyed hash of its id."""
    return _keyed(request, f"csrf {session_id}")


def check_csrf(request: Request, session_id: str, sent: str) -> None:
    """Check the proof that a form, or the header of a script's request, carries.

    Raises:
        RefusalError: 403, it is another one, or the request comes from another site.
    """
    check_same_site(request)
    if not hmac.compare_digest(sent.encode("utf-8", "replace"), csrf_token(request, session_id).encode()):
        raise RefusalError(HTTPStatus.FORBIDDEN, "The form is of an earlier session. Open its page again and repeat.")


def check_same_site(request: Request) -> None:
    """Check by the headers that browsers add that a change was asked for by a page of this server.

    Raises:
        RefusalError: 403, it comes from a page of another site.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_own = site in ("same-origin", "none")
    elif (origin := request.headers.get("origin")) is not None:
        own = {request.headers.get("host", ""), urlsplit(base_url(request)).netloc}
        is_own = urlsplit(origin).netloc in own
    else:
        is_own = True  # No browser; the session's cookie and the form's proof are still asked for.
    if not is_own:
        raise RefusalError(HTTPStatus.FORBIDDEN, "The request comes from a page of another site.")


def local_path(text: str) -> str:
    """Return a path on this server, `/` for every other address: a sign-in must not lead to another site."""
    return text if _LOCAL.fullmatch(text) else "/"


class Throttle:
    """Count of failed sign-ins per client within the last minute."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def check(self, client: str) -> None:
        """Check that a client may try again.

        Raises:
            RefusalError: 429, it failed too often within a minute.
        """
        if len(self._recent(client)) >= _ATTEMPTS:
            raise RefusalError(HTTPStatus.TOO_MANY_REQUESTS, "Too many failed sign-ins. Try again in a minute.")

    def note_failure(self, client: str) -> None:
        """Count a failure."""
        self._failures[client] = [*self._recent(client), time.monotonic()]
        self._failures.move_to_end(client)
        while len(self._failures) > _CLIENTS:
            self._failures.popitem(last=False)

    def _recent(self, client: str) -> list[float]:
        since = time.monotonic() - _WINDOW_SECONDS
        return [moment for moment in self._failures.get(client, []) if moment > since]


def signed(request: Request, text: str) -> str:
    """Text with this server's signature before it."""
    return f"{_keyed(request, f'text {text}')}.{text}"


def unsigned(request: Request, value: str) -> str | None:
    """Text of a signed value; None if this server did not sign it."""
    signature, _, text = value.partition(".")
    return text if hmac.compare_digest(signature.encode(), _keyed(request, f"text {text}").encode()) else None


def _keyed(request: Request, text: str) -> str:
    secret = services(request).settings.secret
    return hmac.new(secret, f"console {text}".encode(), hashlib.sha256).hexdigest()
