"""Servers and pytest fixtures for the tests of users: a platform, an Airflow, a Prefect server, their services.

Importing this package imports nothing heavy: pytest loads its plugin in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datalake_ops.testing.server import PlatformServer

__all__ = ["PlatformServer"]


def __getattr__(name: str) -> Any:
    if name == "PlatformServer":
        from datalake_ops.testing.server import PlatformServer

        return PlatformServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
