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
from datalake_ops.wire.problems import Problem

router = APIRouter(tags=["not on the embedded platform"])


def _missing(what: str) -> RefusalError:
    return RefusalError(
        HTTPStatus.NOT_IMPLEMENTED, f"The embedded platform has no {what}; it is part of the hosted platform only."
    )


@router.get(routes.CHARTS, response_model=Problem, status_code=501)
@router.post(routes.CHARTS, response_model=Problem, status_code=501)
async def charts(lake: LakeDep) -> Response:
    """501: charts are not supported."""
    raise _missing("charts")


@router.get(routes.CHART, response_model=Problem, status_code=404)
@router.patch(routes.CHART, response_model=Problem, status_code=404)
@router.delete(routes.CHART, response_model=Problem, status_code=404)
async def chart(chart: UUID, _caller: PrincipalDep) -> Response:
    """404: charts cannot be created, so none exists."""
    raise not_found(f"Chart {chart}")


@router.get(routes.VISUAL_STATUS, response_model=Problem, status_code=501)
@router.get(routes.VISUAL_COUNT, response_model=Problem, status_code=501)
@router.get(routes.VISUAL_SCROLL, response_model=Problem, status_code=501)
@router.get(routes.DATAS_SEARCH, response_model=Problem, status_code=501)
async def visual_search(lake: LakeDep) -> Response:
    """501: embeddings are not supported."""
    raise _missing("visual search and embeddings")
