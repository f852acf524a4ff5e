"""Safety net of jobs: state hooks, reaper of orphaned jobs, resumer of suspended runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_tasks.safety.deploy import serve_safety

__all__ = ["serve_safety"]


def __getattr__(name: str) -> Any:
    # Flows import the state hooks of this package; the deployments are needed once per Prefect server.
    if name != "serve_safety":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from prefect_tasks.safety import deploy

    return deploy.serve_safety
