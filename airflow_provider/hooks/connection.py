"""Conversion of an Airflow connection of type `datalake` to a connection of datalake-ops."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from datalake_ops.arguments import platform_address
from datalake_ops.config import DEFAULT_HOST, Connection, Timeouts
from datalake_ops.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection as AirflowConnection

_PLACES = ("organization_id", "organization_name", "datalake_id", "datalake_name")
# Form field -> field of `Timeouts`.
_TIMEOUTS = {"connect_timeout": "connect", "api_timeout": "api", "storage_timeout": "storage"}
_OPTIONS = (*_PLACES, "verify", "max_workers")
_KNOWN = (*_OPTIONS, *_TIMEOUTS)


def datalake_connection(airflow: AirflowConnection) -> Connection:
    """Read an Airflow connection: host, port and schema are the address, the password is the API token.

    The extra may hold `organization_id`, `organization_name`, `datalake_id`, `datalake_name`, `verify` (true, false or
    the path of a CA bundle), `connect_timeout`, `api_timeout`, `storage_timeout` (seconds) and `max_workers` (files at
    once).

    Raises:
        ConfigurationError: a field is missing or cannot be right; the message names the connection and the field.
    """
    try:
        extra = _extra(airflow.extra)
        return Connection(
            host=_address(airflow.host, airflow.schema, airflow.port),
            api_token=airflow.password or "",
            timeouts=Timeouts(**{field: extra[name] for name, field in _TIMEOUTS.items() if name in extra}),
            **{name: extra[name] for name in _OPTIONS if name in extra},
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"Connection {airflow.conn_id!r}: {_in_form_words(str(error))}") from error


def credential_forms(airflow: AirflowConnection) -> set[str]:
    """The credentials of a connection, in every form in which a log may show them."""
    token = airflow.password or ""
    # As a URI has it, as a form sends it, as JSON has it, and as it is.
    return {token, quote(token, safe=""), quote(token), quote_plus(token), json.dumps(token)[1:-1]} - {""}


def _extra(text: str | None) -> dict[str, Any]:
    try:
        extra = json.loads(text) if text else {}
    except ValueError as error:
        raise ConfigurationError("its extra is not JSON.") from error
    if not isinstance(extra, dict):
        raise ConfigurationError("its extra is not a JSON object.")
    unknown = sorted(set(extra) - set(_KNOWN))
    if unknown:
        raise ConfigurationError(f"its extra has unknown fields {unknown}; known are {sorted(_KNOWN)}.")
    # Airflow's form keeps fields that were left out as null or empty text.
    return {name: value for name, value in extra.items() if value is not None and value != ""}


def _address(host: str | None, schema: str | None, port: int | None) -> str:
    return platform_address(host, port, schema) if host else DEFAULT_HOST


def _in_form_words(message: str) -> str:
    """Reword a message of the core, which names arguments and variables, for a reader of Airflow's form."""
    return "the API token is missing: put it in the password." if message.startswith("No API token") else message
