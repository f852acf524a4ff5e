"""Earlier path of `airflow_provider.lineage.assets`."""

from airflow_provider.lineage.assets import (
    ANY_LAKE,
    convert_asset_to_openlineage,
    create_asset,
    datalake_asset,
    lake_of,
    sanitize_uri,
)

__all__ = ["ANY_LAKE", "convert_asset_to_openlineage", "create_asset", "datalake_asset", "lake_of", "sanitize_uri"]
