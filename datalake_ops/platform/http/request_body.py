"""JSON bodies of requests: read once the token is known, up to the route's limit, parsed and validated by a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_type_hints

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.body_limits import LINES, NAMES
from datalake_ops.platform.http.errors import RefusalError, bad_request, problem_lines
from datalake_ops.platform.http.json_text import JsonTextError, parse_json
from datalake_ops.platform.http.large_body import parse_apart

M = TypeVar("M")

# Above this a body is parsed in a thread: what its limits need looking at may take milliseconds.
_THREAD_BYTES = 64 * 1024
# Above this in a process, since parsing and validating hold the interpreter's lock.
_PROCESS_BYTES = LINES
_PROCESSES = CapacityLimiter(2)


@dataclass(frozen=True, eq=False)
class JsonBody(Generic[M]):
    """Body of a route: its model, and the bytes that its largest legal call needs.

    A model whose bodies may exceed 4 MiB must be a class that can be imported by its name. `tagged` models are unions
    whose tag is no part of the places in error answers.
    """

    model: type[M]
    max_bytes: int = NAMES
    tagged: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "_adapter", TypeAdapter(self.model))

    @property
    def adapter(self) -> TypeAdapter[M]:
        """Validator and JSON schema of the model."""
        return self._adapter  # type: ignore[attr-defined, no-any-return]

    async def read(self, request: Request) -> M:
        """Read, parse and validate the body of a request whose caller is known.

        Raises:
            RefusalError: 400, it is not valid JSON or does not fit the model; 413, it is too large.
        """
        raw = await self._receive(request)
        if len(raw) <= _THREAD_BYTES:
            return self.parse(raw)
        if len(raw) <= _PROCESS_BYTES:
            return await to_thread.run_sync(self.parse, raw)
        return await to_thread.run_sync(parse_apart, self.model, self.tagged, raw, limiter=_PROCESSES)

    def parse(self, raw: bytes | bytearray) -> M:
        """Parse and validate JSON text.

        Raises:
            RefusalError: 400, it is not valid JSON or does not fit the model; the detail has the places.
        """
        try:
            return self.adapter.validate_python(parse_json(raw))
        except JsonTextError as error:
            raise bad_request("The body is not valid JSON.", str(error)) from error
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            if self.tagged:
                problems = [{**problem, "loc": problem["loc"][1:]} for problem in problems]
            raise bad_request("The body is not valid.", problem_lines(problems)) from error

    async def _receive(self, request: Request) -> bytearray:
        # Refused by its announced length, so that none of it is read.
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and (len(announced) > 18 or int(announced) > self.max_bytes):
            raise self._too_large()
        # Not `request.stream()`: the event loop keeps a register of async generators, which costs more than reading.
        body = bytearray()
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > self.max_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                return body

    def _too_large(self) -> RefusalError:
        return RefusalError(413, f"A body of this route has at most {self.max_bytes} bytes.")


def json_body(model: Any, max_bytes: int = NAMES, tagged: bool = False) -> Any:
    """Dependency of a handler on its request's body; the token is checked before any of it is read."""
    body: JsonBody[Any] = JsonBody(model, max_bytes, tagged)

    async def read(request: Request, _caller: PrincipalDep) -> Any:
        return await body.read(request)

    # For the OpenAPI document.
    read.json_body = body  # type: ignore[attr-defined]
    return Depends(read)


def body_of(endpoint: Callable[..., Any]) -> JsonBody[Any] | None:
    """Return the JSON body that a handler takes, None if it takes none."""
    for hint in get_type_hints(endpoint, include_extras=True).values():
        for mark in getattr(hint, "__metadata__", ()):
            body = getattr(getattr(mark, "dependency", None), "json_body", None)
            if isinstance(body, JsonBody):
                return body
    return None
