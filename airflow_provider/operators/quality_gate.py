"""The operator that checks data against rules and stops a DAG where one is broken."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowSkipException
from airflow_provider.operators.abstract.datalake import DatalakeOperator
from airflow_provider.operators.abstract.fields import Field, mappings, option
from airflow_provider.operators.abstract.selection import SelectionOperator
from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError, NoDataError, QualityGateError
from datalake_ops.quality_gate import Rule, broken_rules
from datalake_ops.query import both

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook

# Filters of a listing that a count does not know.
_NO_COUNT = {"filenames", "object_names", "limit", "offset"}


class QualityGateOperator(SelectionOperator, DatalakeOperator):
    """Counts data and goes on only when every rule holds; returns `total` and `counts`, one for each rule.

    A shut gate fails the task, or skips it and with it what follows; the message names each broken rule with its
    counts. A gate of no data is shut. The counts are also the XCom `summary`, whatever becomes of the task.

    Example:
        >>> QualityGateOperator(
        ...     task_id="gate",
        ...     tags=["batch-{{ ds }}"],
        ...     rules=[{"min_count": 100}, {"tags": ["blurred", "dark"], "max_share": 0.1}],
        ... )

    Args:
        rules: Mappings that name data of the selection by any of `tags`, `intersect_tags` and `q` (all of them without
            these, none where one is empty), and set one or more of `min_count`, `max_count`, `min_share` and
            `max_share` (0 to 1) (templated).
        on_shut: "fail" or "skip" (templated).
        kwargs: The filters `tags`, `intersect_tags`, `q` and `custom_metadata`, see `SelectionOperator`;
            `datalake_conn_id`.

    Raises:
        ConfigurationError: A rule cannot be meant, there is none, or a filter was given that a gate cannot count by.
        NoDataError: `rules` came out empty of a template or another task; see `on_empty`.
        QualityGateError: A rule is broken; no retry helps.
        AirflowSkipException: The same, with `on_shut="skip"`.
    """

    argument_fields = {
        "rules": Field(partial(mappings, allow_none=False), is_json=True),
        "on_shut": option("fail", "skip"),
    }

    def __init__(self, *, rules: list[dict[str, Any]] | str, on_shut: str = "fail", **kwargs: Any) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.rules: Any = rules
        self.on_shut = on_shut

    def work(self, context: Context) -> dict[str, Any]:
        """Count, and judge."""
        with self.lake(context) as lake:
            rules = self._rules()
            total = self._count(lake, "")
            counts = [0 if rule.is_empty else self._count(lake, rule.query) for rule in rules]
            summary = {"total": total, "counts": counts}
            context["ti"].xcom_push(key="summary", value=summary)
            broken = broken_rules(rules, counts, total)
            if broken and self.on_shut == "fail":
                raise QualityGateError(f"The quality gate is shut: {'; '.join(broken)}.")
        if broken:
            raise AirflowSkipException(f"The quality gate is shut: {'; '.join(broken)}.")
        self.log.info("The quality gate is open: all %d rules hold for %d data.", len(rules), total)
        return summary

    def _rules(self) -> list[Rule]:
        if not self.rules and "rules" in self._wired:
            raise NoDataError("`rules` came out empty: there is nothing to judge by.")
        if not self.rules:
            raise ConfigurationError("A quality gate needs `rules`.")
        if unused := sorted(_NO_COUNT & set(self.filters)):
            raise ConfigurationError(f"A quality gate counts by tags, q and custom_metadata, not by {unused}.")
        return [Rule.of(self._given(rule)) for rule in self.rules]

    def _given(self, rule: dict[str, Any]) -> dict[str, Any]:
        if "rules" not in self._wired:
            return rule
        # A choice that came out None of a template or another task is given and empty.
        return {name: "" if value is None and name in ("tags", "q") else value for name, value in rule.items()}

    def _count(self, lake: SharedHook, q: str) -> int:
        if any(map(arguments.is_empty, self.filters.values())):
            # A filter that is given and empty matches no data.
            return 0
        return lake.count_data(both(self.query_text, q) or None, custom_metadata=self.custom_metadata)
