"""Buttons on a task's page that open its job or its lake on the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.compat import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


class _XComLink(BaseOperatorLink):
    """An address that the task pushed while it ran."""

    @property
    def xcom_key(self) -> str:
        """The XCom that holds the address; Airflow's page reads this key."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The address, or nothing when the task did not get as far."""
        return XCom.get_value(ti_key=ti_key, key=self.xcom_key) or ""

    def push(self, context: Context, address: str) -> None:
        """Store the address at once: Airflow itself does so only when the task ends, too late for a long wait."""
        context["ti"].xcom_push(key=self.xcom_key, value=address)


class JobLink(_XComLink):
    """Opens the job."""

    name = "Job on the platform"


class DatalakeLink(_XComLink):
    """Opens the lake, filtered as the task filters it."""

    name = "Datalake"


class DataLink(_XComLink):
    """Opens the lake on the data that a job works on."""

    name = "Data of the job"
