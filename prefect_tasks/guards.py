"""Former path of `prefect_tasks.safety.state_hooks`."""

from prefect_tasks.safety.state_hooks import datalake_guards

__all__ = ["datalake_guards"]
