"""Asset events of a task: Airflow learns which data of the lake the task wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import Asset, AssetAlias
from airflow_provider.lineage.assets import ANY_LAKE, lake_of
from airflow_provider.lineage.record import LineageRecord
from airflow_provider.lineage.registered_asset import registered_asset
from airflow_provider.operators.abstract.arguments import ArgumentsOperator
from airflow_provider.operators.abstract.fields import Field, static_flag
from datalake_ops import arguments

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context


# Airflow takes no longer key.
_KEY_LENGTH = 250


def _partition_keys(name: str, value: Any) -> list[str] | None:
    """Partition keys, which Airflow would refuse after the work is done if they were too long."""
    found = arguments.texts(name, value)
    if any(len(key) > _KEY_LENGTH for key in found or ()):
        raise arguments.refusal(name, value, f"a partition key has at most {_KEY_LENGTH} characters.")
    return found


class LineageOperator(ArgumentsOperator):
    """Abstract operator that emits asset events for the data that it wrote to the lake.

    The event of an outlet of the scheme `datalake` gets the lineage record as its `extra`. A task without such an
    outlet has `lineage.assets.ANY_LAKE` as outlet, and emits besides an event for the lake, for each tag that was put
    on the data and for their source, where some DAG schedules on them or declares them. An `AssetAlias` that the task
    was given gets an event for the lake, and for the rest as far as Airflow knows it (2.11 cannot be asked, and gets
    all). Lineage never fails a task: an event that cannot be emitted is logged, and no asset is made that another task
    may be making at the same moment (docs/adr/0015).

    Args:
        asset_events: False emits nothing that was not declared.
        asset_partitions: Partition keys of the declared assets' events (Airflow 3.3; templated). An event with a key
            starts no DAG whose schedule is the plain asset, only DAGs that are scheduled by partitions.
    """

    argument_fields = {"asset_partitions": Field(_partition_keys, is_text=True)}

    def __init__(
        self, *, asset_events: bool | str = True, asset_partitions: str | list[str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.asset_events = static_flag("asset_events", asset_events, True)
        self.asset_partitions: Any = asset_partitions
        self._record: LineageRecord | None = None
        self._has_record = False
        if self.asset_events and not any(map(_is_of_a_lake, self.outlets)):
            self.outlets.append(ANY_LAKE)

    def record_lineage(self, context: Context, record: LineageRecord) -> None:
        """Emit the asset events of a record, and keep the record for OpenLineage, which asks afterwards."""
        self._record, self._has_record = record, True
        if not self.asset_events:
            return
        try:
            self._emit(context, record)
        # Whatever Airflow raises here, the work in the lake is done, and a retry would not do it better.
        except Exception:
            self.log.warning(
                "The asset events of this task could not be emitted; DAGs that are scheduled on them do not start.",
                exc_info=True,
            )

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Remove the outlet `ANY_LAKE` from a task without a record, or Airflow would emit an event all the same."""
        if not self._has_record:
            self.outlets = [outlet for outlet in self.outlets if outlet != ANY_LAKE]
        super().post_execute(context, result)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of a task that succeeded, for OpenLineage."""
        return self._openlineage()

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of a task that failed, for OpenLineage: the data written until then."""
        return self._openlineage()

    def _openlineage(self) -> OperatorLineage[Any, Any] | None:
        from airflow_provider.lineage.openlineage import operator_lineage

        return None if self._record is None else operator_lineage(self._record)

    def _emit(self, context: Context, record: LineageRecord) -> None:
        events, extra = context["outlet_events"], record.extra()
        declared = list(self.outlets)
        if self.asset_partitions and not any(lake_of(outlet) for outlet in declared):
            self.log.warning("asset_partitions is for the events of declared assets, and this task has no such outlet.")
        for outlet in declared:
            if lake_of(outlet) is not None:
                events[outlet].extra.update(extra)
                self._part(events[outlet])
            elif outlet == ANY_LAKE:
                events[outlet].extra.update(extra)
                self._emit_known(events, record, extra)
            elif isinstance(outlet, AssetAlias):
                _emit_through(events[outlet], events, record)

    def _emit_known(self, events: Any, record: LineageRecord, extra: dict[str, Any]) -> None:
        declared = set(map(lake_of, self.outlets))
        others = [uri for uri in record.written() if uri not in declared]
        known = [asset for uri in others if (asset := registered_asset(events, uri)) is not None]
        for asset in known:
            events[asset].extra.update(extra)
        # Airflow takes events of outlets alone. This is the copy of the task that this try has.
        self.outlets = [*self.outlets, *known]

    def _part(self, event: Any) -> None:
        keys = self.asset_partitions
        if keys and hasattr(event, "add_partitions"):
            self.log.warning(
                "The asset events have the partition keys %s (asset_partitions): they start no DAG whose schedule is "
                "the asset itself, only DAGs that are scheduled by partitions.", keys,
            )  # fmt: skip
            event.add_partitions(keys)
        elif keys:
            self.log.warning("This Airflow has no asset partitions: the events have no partition keys %s.", keys)


def _is_of_a_lake(outlet: Any) -> bool:
    return isinstance(outlet, AssetAlias) or outlet == ANY_LAKE or lake_of(outlet) is not None


def _emit_through(alias: Any, events: Any, record: LineageRecord) -> None:
    extra = record.extra() if hasattr(Asset, "ref") else _hashable(record.extra())
    for uri in record.written():
        asset = registered_asset(events, uri) or (Asset(str(uri)) if uri == record.lake else None)
        if asset is not None:
            alias.add(asset, extra=extra)


class _HashableDict(dict[str, Any]):
    """Hashable dict: Airflow 2.11 keeps the events of aliases in a set, and would fail the task."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _HashableDict({key: _hashable(one) for key, one in value.items()})
    return tuple(map(_hashable, value)) if isinstance(value, (list, tuple)) else value
