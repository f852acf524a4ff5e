"""Charts and visual search: parts of the wire that the embedded platform lacks, answered with 501 or 404."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from datalake_ops.platform.catalog.ownership import LakeDep
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.errors import RefusalError, not_found
from datalake_ops.wire import routes

router = APIRouter(tags=["not on the embedded platform"])


def _missing(what: str) -> RefusalError:
    return RefusalError(
        HTTPStatus.NOT_IMPLEMENTED, f"The embedded platform has no {what}; it is part of the hosted platform only."
    )


@router.get(routes.CHARTS)
@router.post(routes.CHARTS)
async def charts(lake: LakeDep) -> Response:
    """501: charts are not supported."""
    raise _missing("charts")


@router.get(routes.CHART)
@router.patch(routes.CHART)
@router.delete(routes.CHART)
async def chart(chart: UUID, _caller: PrincipalDep) -> Response:
    """404: charts cannot be created, so none exists."""
    raise not_found(f"Chart {chart}")


@router.get(routes.VISUAL_STATUS)
@router.get(routes.VISUAL_COUNT)
@router.get(routes.VISUAL_SCROLL)
@router.get(routes.DATAS_SEARCH)
async def visual_search(lake: LakeDep) -> Response:
    """501: embeddings are not supported."""
    raise _missing("visual search and embeddings")
