"""OpenAPI document: FastAPI's own, completed by bodies, refusals and the security scheme."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from datalake_ops.platform.http.request_body import body_of
from datalake_ops.platform.http.route_table import routes_of
from datalake_ops.wire.jobs import IDEMPOTENCY_HEADER, LABELS_HEADER
from datalake_ops.wire.problems import Problem

_REFERENCES = "#/components/schemas/{model}"
_SCHEME = "token"
_PUBLIC = ("/health",)
_VALIDATION = str(int(HTTPStatus.UNPROCESSABLE_ENTITY))
_PROBLEM = {"content": {"application/json": {"schema": {"$ref": _REFERENCES.format(model=Problem.__name__)}}}}

# Headers of requests that create a job, for `openapi_extra`.
JOB_HEADERS: dict[str, Any] = {
    "parameters": [
        {"in": "header", "name": name, "required": False, "description": meaning, "schema": {"type": "string"}}
        for name, meaning in (
            (IDEMPOTENCY_HEADER, "A second request with this key returns the first one's job."),
            (LABELS_HEADER, "JSON object of texts, by which the job is found again."),
        )
    ]
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals of a route beside those that follow from its token, parameters and body, for `responses`."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}


def install(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Serve the completed document; it is made at the first request for it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(FastAPI.openapi(app), routers)
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any], routers: Sequence[APIRouter]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    components["securitySchemes"] = {
        _SCHEME: {"type": "http", "scheme": "bearer", "description": "An API token of an organization."}
    }
    _add_schemas(schemas, Problem)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for route in routes_of(routers):
        if route.include_in_schema:
            for method in route.methods or ():
                _complete_operation(document["paths"][route.path_format][method.lower()], route, schemas)


def _complete_operation(operation: dict[str, Any], route: APIRoute, schemas: dict[str, Any]) -> None:
    answers: dict[str, Any] = operation["responses"]
    answers.pop(_VALIDATION, None)
    if route.path_format in _PUBLIC:
        return
    operation["security"] = [{_SCHEME: []}]
    refused = {"401": "The token is missing or not known.", "403": "The token does not allow it."}
    body = body_of(route.endpoint)
    if body is not None:
        schema = _add_schemas(schemas, body.model)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        refused["413"] = f"The body has more than {body.max_bytes} bytes."
    if body is not None or operation.get("parameters"):
        refused["400"] = "The request is not valid; the detail names the places."
        refused["404"] = "What the request names does not exist in the caller's organization."
    for status, description in refused.items():
        answers.setdefault(status, {"description": description, **_PROBLEM})


def _add_schemas(schemas: dict[str, Any], model: Any) -> dict[str, Any]:
    """Add the schemas of a model to the document's; returns the one that refers to them."""
    schema = TypeAdapter(model).json_schema(ref_template=_REFERENCES)
    for name, definition in schema.pop("$defs", {}).items():
        _add(schemas, name, definition)
    if not isinstance(model, type) or "title" not in schema:
        return schema
    _add(schemas, model.__name__, schema)
    return {"$ref": _REFERENCES.format(model=model.__name__)}


def _add(schemas: dict[str, Any], name: str, definition: dict[str, Any]) -> None:
    known = schemas.setdefault(name, definition)
    if _without_null_defaults(known) != _without_null_defaults(definition):
        raise ValueError(f"Two models of the OpenAPI document are called {name}.")


def _without_null_defaults(schema: Any) -> Any:
    """Copy of a schema without defaults of null, which FastAPI leaves out."""
    if isinstance(schema, list):
        return [_without_null_defaults(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: each for name, each in schema.items() if (name, each) != ("default", None)}
    return {name: _without_null_defaults(each) for name, each in kept.items()}
