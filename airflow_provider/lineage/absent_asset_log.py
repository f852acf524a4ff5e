"""Log of the assets that Airflow is asked for and does not have, which are no errors where they are of a lake."""

from __future__ import annotations

from typing import Any

from datalake_ops.lineage import SCHEME

_ABSENT = "Asset not found"


def log_absent_assets_quietly() -> None:
    """Let Airflow's client log an absent asset of our scheme at level DEBUG in this process, where it logs an ERROR.

    Airflow 3 has no question about a URI whose answer is a plain no: it has this error, in the log of the process that
    supervises the task. In Airflow 2, which is not asked, this does nothing.
    """
    try:
        from airflow.sdk.api import client
    except ImportError:
        return
    if not isinstance(client.log, _QuietLogger):
        client.log = _QuietLogger(client.log)


class _QuietLogger:
    """Logger of Airflow's client, to which an absent asset of our scheme is no error."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def error(self, event: str, *args: Any, **values: Any) -> Any:
        """Log an error, or a line of level DEBUG for what is none."""
        uri = (values.get("params") or {}).get("uri")
        is_ours = event == _ABSENT and str(uri).startswith(f"{SCHEME}://")
        return (self._logger.debug if is_ours else self._logger.error)(event, *args, **values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)
