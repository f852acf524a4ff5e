"""Look-up of the asset that Airflow has registered for the URI of a lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.compat import Asset
from airflow_provider.lineage.absent_asset_log import log_absent_assets_quietly

if TYPE_CHECKING:
    from datalake_ops.lineage import LakeUri


def registered_asset(events: Any, uri: LakeUri) -> Asset | None:
    """The registered asset of this URI, whatever its name; an event under another name would reach no consumer."""
    if not hasattr(Asset, "ref"):
        # Airflow 2.11 knows assets by their URI alone, and passes over those that are nobody's.
        return Asset(str(uri))
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

    # `dag.test()` supervises the task in this process.
    log_absent_assets_quietly()
    try:
        key = events[Asset.ref(uri=str(uri))].key
    except AirflowRuntimeError as error:
        if error.error.error is ErrorType.ASSET_NOT_FOUND:
            return None
        raise
    return Asset(name=key.name, uri=key.uri)
