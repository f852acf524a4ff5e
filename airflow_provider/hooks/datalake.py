"""The Airflow hook: the shared datalake hook, made from an Airflow connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AIRFLOW_ERRORS, BaseHook, airflow_connection, amask_secret, mask_secret
from airflow_provider.hooks.connection import credential_forms, datalake_connection
from datalake_ops.config import RetryPolicy
from datalake_ops.errors import DatalakeError

if TYPE_CHECKING:
    from datalake_ops.config import Connection
    from datalake_ops.hook import DatalakeHook as SharedHook


class DatalakeHook(BaseHook):
    """Gives the shared datalake hook (`.datalake`) for an Airflow connection of type `datalake`.

    Make one per task run: the connection is looked up when first used and is never kept beyond this object.

    Args:
        datalake_conn_id: The Airflow connection to use.
        job_runs: The task has started a job, waits for one, or has read the connection before: one that is not found is
            away for the moment, and is looked up for five minutes.
    """

    conn_name_attr = "datalake_conn_id"
    default_conn_name = "datalake_default"
    conn_type = "datalake"
    hook_name = "Datalake"

    def __init__(self, datalake_conn_id: str = default_conn_name, *, job_runs: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._job_runs = job_runs
        self.datalake_conn_id = datalake_conn_id

    @cached_property
    def datalake(self) -> SharedHook:
        """The shared hook, with every verb of the datalake.

        Raises:
            ConfigurationError: the Airflow connection lacks a field, or one cannot be right.
            AirflowNotFoundException: there is no such Airflow connection.
        """
        from airflow_provider.hooks.hook_lineage import lineage_callback
        from airflow_provider.hooks.lookup import look_up
        from datalake_ops.hook import DatalakeHook as SharedHook

        connection = look_up(self.datalake_conn_id, self._connection, self._job_runs)
        datalake = SharedHook.from_connection(connection)
        datalake.on_access = lineage_callback(datalake, self)
        return datalake

    def _connection(self) -> Connection:
        airflow = self.get_connection(self.datalake_conn_id)
        for secret in credential_forms(airflow):
            mask_secret(secret)
        return datalake_connection(airflow)

    def get_conn(self) -> SharedHook:
        """The shared hook; the same object as `.datalake`."""
        return self.datalake

    @classmethod
    async def aconnection(cls, datalake_conn_id: str) -> Connection:
        """Look the connection up from a trigger, without blocking its event loop, and mask its credentials there."""
        airflow = await airflow_connection(datalake_conn_id)
        for secret in credential_forms(airflow):
            await amask_secret(secret)
        return datalake_connection(airflow)

    def close(self) -> None:
        """Close the shared hook's connections, if it was used."""
        if "datalake" in self.__dict__:
            self.datalake.close()

    def __enter__(self) -> DatalakeHook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection step by step; return True and what was reached, or False and what is wrong."""
        from datalake_ops.hook import DatalakeHook as SharedHook

        try:
            connection = self._connection()
        except (DatalakeError, *AIRFLOW_ERRORS) as error:
            return False, f"Configuration: {error}"
        # Somebody waits before a form: no patience with a platform that does not answer.
        with SharedHook.from_connection(connection.with_(retry=RetryPolicy(attempts=2))) as datalake:
            works, message = datalake.test_connection()
        return works, message if works else f"{connection.host}: {message}"

    @staticmethod
    def get_ui_field_behaviour() -> dict[str, Any]:
        """The connection form of Airflow before 3.2; newer ones read the provider's info."""
        from airflow_provider.hooks.connection_form import legacy_field_behaviour

        return legacy_field_behaviour()

    @staticmethod
    def get_connection_form_widgets() -> dict[str, Any]:
        """The extra fields of the connection form of Airflow before 3.2; newer ones read the provider's info."""
        from airflow_provider.hooks.connection_form import legacy_widgets

        return legacy_widgets()
