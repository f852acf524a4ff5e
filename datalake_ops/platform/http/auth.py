"""Authentication: the dependency of every route below `/api`, and the stricter one of the admin routes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request

from datalake_ops.platform.http.errors import RefusalError
from datalake_ops.platform.http.scopes import check_scope
from datalake_ops.platform.services import services
from datalake_ops.platform.store.tokens import Principal

_SCHEMES = ("bearer", "token")  # The second is what SDKs before 6.29 sent.


async def authenticate(request: Request) -> Principal:
    """Authenticate a request by its API token, and check that the token's scope has the route.

    Raises:
        RefusalError: 401, the header is missing, or the token is not known or expired; 403, a job's token may not call
            this route.
    """
    principal = await identify(request)
    route = request.scope["route"]
    await check_scope(services(request), principal, request.method, route.path, request.path_params)
    return principal


async def identify(request: Request) -> Principal:
    """Return the principal of a request's API token, whatever its scope.

    Raises:
        RefusalError: 401, the header is missing, or the token is not known or expired.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in _SCHEMES or not token.strip():
        raise RefusalError(
            HTTPStatus.UNAUTHORIZED, "No API token was sent. Send the header Authorization: Bearer <token>."
        )
    principal = await services(request).tokens.principal(token.strip())
    if principal is None:
        raise RefusalError(HTTPStatus.UNAUTHORIZED, "The API token is not known here.")
    if principal.is_expired:
        raise RefusalError(HTTPStatus.UNAUTHORIZED, f"The API token expired at {principal.expires_at:%Y-%m-%d %H:%M}Z.")
    return principal


async def authenticate_admin(request: Request) -> Principal:
    """Authenticate a request by an admin's token.

    Raises:
        RefusalError: 401, as for `authenticate`; 403, the token is no admin's.
    """
    principal = await authenticate(request)
    if not principal.is_admin:
        raise RefusalError(
            HTTPStatus.FORBIDDEN,
            "The admin routes need an admin's token: the one that `serve` was started with or printed first, or one of "
            "`datalake-ops admin token create --admin`.",
        )
    return principal


PrincipalDep = Annotated[Principal, Depends(authenticate)]
AdminDep = Annotated[Principal, Depends(authenticate_admin)]
