"""Authentication: the dependency of every route below `/api`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request

from datalake_ops.platform.http.errors import RefusalError
from datalake_ops.platform.services import services
from datalake_ops.platform.store.tokens import Principal

_SCHEMES = ("bearer", "token")  # The second is what SDKs before 6.29 sent.


async def authenticate(request: Request) -> Principal:
    """Authenticate a request by its API token.

    Raises:
        RefusalError: 401, the header is missing or the token is not known.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in _SCHEMES or not token.strip():
        raise RefusalError(
            HTTPStatus.UNAUTHORIZED, "No API token was sent. Send the header Authorization: Bearer <token>."
        )
    principal = await services(request).tokens.principal(token.strip())
    if principal is None:
        raise RefusalError(HTTPStatus.UNAUTHORIZED, "The API token is not known here.")
    return principal


PrincipalDep = Annotated[Principal, Depends(authenticate)]
