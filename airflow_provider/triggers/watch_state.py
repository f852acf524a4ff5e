"""Store of a watcher's position in Airflow, from which a triggerer that starts again goes on."""

from __future__ import annotations

from typing import Any

from airflow_provider.compat import ask_airflow

_PREFIX = "datalake_watch_"


class WatchStateStore:
    """Persistent JSON value of one watch: in the state store of the watched asset, or else in a variable of Airflow.

    Airflow has stores of assets since 3.3, and refuses them to a trigger that several assets share
    (apache/airflow #71460). A variable serves there, named `datalake_watch_` and the watch's key.
    """

    def __init__(self, key: str, store: Any) -> None:
        self._key = f"{_PREFIX}{key}"
        self._store = store

    async def read(self) -> Any:
        """Return the value that was written last, or None."""
        if self._store is not None:
            try:
                return await self._store.aget(self._key)
            except ValueError:
                self._store = None
        return await ask_airflow(_read_variable, self._key)

    async def write(self, value: Any) -> None:
        """Write a JSON value."""
        if self._store is not None:
            try:
                await self._store.aset(self._key, value)
            except ValueError:
                self._store = None
            else:
                return
        await ask_airflow(_write_variable, self._key, value)


def _read_variable(key: str) -> Any:
    from airflow.sdk import Variable

    return Variable.get(key, default=None, deserialize_json=True)


def _write_variable(key: str, value: Any) -> None:
    from airflow.sdk import Variable

    Variable.set(key, value, description="Position of a watcher in a datalake.", serialize_json=True)
