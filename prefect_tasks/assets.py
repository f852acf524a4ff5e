"""Former path of `prefect_tasks.ui.assets`."""

from prefect_tasks.ui.assets import Written, lake_uri, tell, tell_of_run

__all__ = ["Written", "lake_uri", "tell", "tell_of_run"]
