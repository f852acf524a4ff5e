"""Routes of an application, by router: how an application lists those of its routers differs by version of FastAPI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi import APIRouter
from fastapi.routing import APIRoute


def routes_of(routers: Iterable[APIRouter]) -> Iterator[APIRoute]:
    """Return the routes of some routers, in the order in which they are tried."""
    for router in routers:
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def allowed_methods(routers: Iterable[APIRouter], path: str) -> str:
    """Return the methods of all routes of a path, as the header `Allow` lists them."""
    found = (route.methods or () for route in routes_of(routers) if route.path_regex.match(path))
    return ", ".join(sorted({method for methods in found for method in methods}))
