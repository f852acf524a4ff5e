"""Fields of the connection form: read as they are by Airflow 3.2 and newer, as widgets by older versions."""

from __future__ import annotations

from typing import Any


def _text(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


def _seconds(label: str, description: str, default: int) -> dict[str, Any]:
    schema = {"type": ["number", "null"], "minimum": 0, "default": default}
    return {"label": label, "description": description, "schema": schema}


CONN_FIELDS: dict[str, dict[str, Any]] = {
    "organization_name": _text("Organization name", "Empty: the token's default organization."),
    "organization_id": _text("Organization id", "A UUID; wins over the name."),
    "datalake_name": _text("Datalake name", "Empty: the organization's default datalake."),
    "datalake_id": _text("Datalake id", "A UUID; wins over the name."),
    "verify": _text("Verify TLS", "true (the default), false, or the path of a CA bundle on the worker."),
    "connect_timeout": _seconds("Connect timeout", "Seconds to wait for a connection.", 10),
    "api_timeout": _seconds("API timeout", "Seconds to wait for an answer of the API.", 300),
    "storage_timeout": _seconds("Storage timeout", "Seconds to wait for each read from the storage.", 60),
    "max_workers": {
        "label": "Concurrency",
        "description": "Files at once, where a task does not say; empty: as many as go well.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
}

FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["login", "extra"],
    "relabeling": {"password": "API token", "schema": "Scheme"},
    "placeholders": {
        "host": "https://app.picsellia.com",
        "password": "the token of your profile page",
        "schema": "http or https; not needed when the host has it",
        "port": "not needed when the host has it",
        "organization_name": "my-company",
        "verify": "true",
    },
}


def legacy_field_behaviour() -> dict[str, Any]:
    """The same relabelling under the names that Airflow before 3.2 reads."""
    return {key.replace("-", "_"): value for key, value in FIELD_BEHAVIOUR.items()}


def legacy_widgets() -> dict[str, Any]:
    """The same fields as wtforms widgets, which Airflow before 3.2 shows."""
    # A bare Airflow 3 has neither package, so they are imported only when an old Airflow asks.
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget  # type: ignore[import-not-found]
    from wtforms import StringField  # type: ignore[import-untyped]

    return {
        name: StringField(field["label"], description=field["description"], widget=BS3TextFieldWidget())
        for name, field in CONN_FIELDS.items()
    }
