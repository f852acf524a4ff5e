"""From a refusing answer to the error that says what happened."""

from __future__ import annotations

import json
from typing import Any

from datalake_ops.client.operation import Operation
from datalake_ops.errors import ERROR_OF_STATUS, AnswerError, InvalidQueryError, ServerError
from datalake_ops.wire import routes

_LONGEST_TEXT = 500
ADVICE = {
    401: "Check the API token and the host it belongs to.",
    402: "The organization's quota is used up.",
    403: "The token may not do this.",
    413: "Send fewer or smaller things at a time.",
    507: "Storage full: free space on the platform; it was not sent again.",
}
_QUERY_ENDS = tuple(route.rsplit("}", 1)[1] for route in (routes.DATAS, routes.DATAS_FIND, routes.DATAS_IDS))


def is_refusal(status: int) -> bool:
    """Return True if a status means that the work was not done (208: the object exists already)."""
    return status > 299 or status == 208


def refusal(operation: Operation[Any], status: int, body: bytes, retry_after: float | None = None) -> AnswerError:
    """The typed error of a refusing answer; never raises for a body that is not of the wire's form."""
    message, detail = _read_problem(body)
    where = f"({operation.method} {operation.path}: {status})"
    text = f"{message or 'The platform gave no reason.'}{_render(detail)} {where}"
    if status in ADVICE:
        text = f"{text} {ADVICE[status]}"
    return _class_of(operation, status)(
        text, status=status, method=operation.method, path=operation.path, detail=detail, retry_after=retry_after
    )


def _class_of(operation: Operation[Any], status: int) -> type[AnswerError]:
    if status == 400 and operation.method in ("GET", "XGET") and operation.path.endswith(_QUERY_ENDS):
        return InvalidQueryError
    return ERROR_OF_STATUS.get(status, ServerError if status >= 500 else AnswerError)


def _read_problem(body: bytes) -> tuple[str, Any]:
    text = body.decode("utf-8", "replace").strip()
    try:
        value = json.loads(text)
    except ValueError:
        # A proxy's page: enough of it to recognise where it came from.
        return text[:_LONGEST_TEXT], None
    if not isinstance(value, dict):
        return text[:_LONGEST_TEXT], None
    message = value.get("message")
    return (message if isinstance(message, str) else ""), value.get("detail")


def _render(detail: Any) -> str:
    if detail is None or detail == []:
        return ""
    rows = detail if isinstance(detail, list) else [detail]
    text = "; ".join(row if isinstance(row, str) else json.dumps(row, default=str) for row in rows)
    return f" [{text[:_LONGEST_TEXT]}]"
