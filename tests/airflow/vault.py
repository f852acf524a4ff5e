"""A secrets backend of an Airflow's processes, which tests seal and open."""

from __future__ import annotations

from pathlib import Path

from airflow.secrets.base_secrets import BaseSecretsBackend


class Vault(BaseSecretsBackend):
    """Holds each connection as a JSON file of its name, and fails while a file `sealed` lies beside them."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = Path(folder)

    def get_conn_value(self, conn_id: str) -> str | None:
        """Return a connection as JSON."""
        if (self._folder / "sealed").exists():
            raise ConnectionError("the vault is sealed")
        file = self._folder / f"{conn_id}.json"
        return file.read_text() if file.exists() else None
