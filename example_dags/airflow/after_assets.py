"""Start when `assets.py` has filled its part of the lake, and read from the event how much came."""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from airflow_provider.lineage.assets import datalake_asset

night_shift = datalake_asset("photos", "acme", "https://app.picsellia.com", tags=["night-shift"])


@dag(schedule=[night_shift])
def after_assets():
    """Count what the uploads brought."""

    @task
    def count() -> int:
        events = get_current_context()["triggering_asset_events"].get(night_shift, [])
        return sum(event.extra["counts"]["UPLOADED"] for event in events)

    count()


after_assets()
