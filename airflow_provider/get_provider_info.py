"""Metadata of this provider for Airflow, found through the entry point `apache_airflow_provider`."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from airflow_provider.hooks.connection_form import CONN_FIELDS, FIELD_BEHAVIOUR

_INTEGRATION = "Datalake"
_OPERATORS = (
    "data", "download", "import_bucket", "import_objects", "processing", "projection", "quality_gate", "shards", "tags",
    "upload",
)  # fmt: skip
_ASSETS = {
    "schemes": ["datalake"],
    "handler": "airflow_provider.lineage.assets.sanitize_uri",
    "factory": "airflow_provider.lineage.assets.create_asset",
    "to_openlineage_converter": "airflow_provider.lineage.assets.convert_asset_to_openlineage",
}


def get_provider_info() -> dict[str, Any]:
    """Describe the provider: its connection type with the form's fields, its modules and its links."""
    return {
        "package-name": "datalake-ops",
        "name": _INTEGRATION,
        "description": "Upload to a visual datalake, import, process, and wait for the platform's jobs.",
        "versions": [_version()],
        "integrations": [{"integration-name": _INTEGRATION, "tags": ["service"]}],
        "connection-types": [
            {
                "connection-type": "datalake",
                "hook-class-name": "airflow_provider.hooks.datalake.DatalakeHook",
                "hook-name": _INTEGRATION,
                "conn-fields": CONN_FIELDS,
                "ui-field-behaviour": FIELD_BEHAVIOUR,
            }
        ],
        "hooks": _modules("hooks.datalake"),
        "operators": _modules(*(f"operators.{name}" for name in _OPERATORS)),
        "task-decorators": [{"name": "datalake", "class-name": "airflow_provider.decorators.datalake_task"}],
        "sensors": _modules("sensors.data", "sensors.job"),
        "triggers": _modules("triggers.data", "triggers.job", "triggers.watch"),
        "asset-uris": [_ASSETS],
        # What Airflow before 3 reads.
        "dataset-uris": [_ASSETS],
        "extra-links": [f"airflow_provider.links.{name}" for name in ("JobLink", "DatalakeLink", "DataLink")],
    }


def _modules(*names: str) -> list[dict[str, Any]]:
    return [{"integration-name": _INTEGRATION, "python-modules": [f"airflow_provider.{name}" for name in names]}]


def _version() -> str:
    try:
        return version("datalake-ops")
    except PackageNotFoundError:
        # Run from a checkout that is not installed.
        return "0.0.0"
