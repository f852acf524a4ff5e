"""Former path of `prefect_tasks.safety.automations`."""

from prefect_tasks.safety.automations import install_automations, safety_deployments

__all__ = ["install_automations", "safety_deployments"]
