"""Former path of `prefect_tasks.ui.assets`, with the former names."""

from prefect_tasks.ui.assets import Materialization as Written
from prefect_tasks.ui.assets import emit_materialization as tell
from prefect_tasks.ui.assets import emit_run_materialization as tell_of_run
from prefect_tasks.ui.assets import lake_uri

__all__ = ["Written", "lake_uri", "tell", "tell_of_run"]
