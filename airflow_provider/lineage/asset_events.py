"""What a task did to the lake, told to Airflow: asset events, inlets and outlets, OpenLineage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import Asset, AssetAlias, BaseOperator
from airflow_provider.lineage.assets import ANY_LAKE, lake_of
from datalake_ops.lineage import LakeUri

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

    from datalake_ops.wire.jobs import Job

# Each tag is an asset of its own; a task that puts on more of them tells of the lake alone.
_TAGS = 20


@dataclass(frozen=True)
class Told:
    """What a task read and wrote: the lake, which of its data, and facts for the events' `extra` (plain JSON).

    `tags` and `source` are those that the written data got, `count` is how many they were; `reads` are the places they
    came from: URIs, or paths of the worker.
    """

    lake: LakeUri
    tags: tuple[str, ...] = ()
    source: str | None = None
    count: int | None = None
    reads: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def written(self) -> list[LakeUri]:
        """The lake, and the data of each tag and of the source, which others may be scheduled on."""
        narrowed = [self.lake.with_(tags=[tag]) for tag in self.tags] if len(self.tags) <= _TAGS else []
        if self.source:
            narrowed.append(self.lake.with_(source=self.source))
        return [self.lake, *narrowed]

    def extra(self) -> dict[str, Any]:
        """The `extra` of an asset event: which lake, what was put on the data, and the facts."""
        named = {"lake": str(self.lake), "tags": list(self.tags), "source": self.source}
        return {name: value for name, value in {**named, **self.facts}.items() if value not in (None, [])}


class LineageOperator(BaseOperator):
    """Tells Airflow what it did to the lake; an operator that writes there is one of these beside what else it is.

    An outlet of the scheme `datalake` gets what was done as the `extra` of its event. A task without one has
    `lineage.assets.ANY_LAKE` as outlet, and tells besides of the lake, of each tag that was put on the data
    and of their source, as far as somebody schedules on them or declares them. An `AssetAlias` that the task was given
    tells of the lake, and of the rest as far as Airflow knows it (2.11 cannot be asked, and is told all). Lineage never
    fails a task: what cannot be told is logged, and no asset is made that another task may be making at the same moment
    (docs/adr/0015).

    Args:
        asset_events: False emits nothing that was not declared.
        asset_partitions: Partition keys of the declared assets' events (Airflow 3.3; templated).
    """

    def __init__(
        self, *, asset_events: bool = True, asset_partitions: str | list[str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.asset_events = asset_events
        self.asset_partitions = asset_partitions
        self._told: Told | None = None
        self._has_told = False
        if asset_events and not any(map(_hears_of_a_lake, self.outlets)):
            self.outlets.append(ANY_LAKE)

    def tell(self, context: Context, told: Told) -> None:
        """Say what was done: for the asset events of this run, and for OpenLineage, which asks afterwards."""
        self._told, self._has_told = told, True
        if not self.asset_events:
            return
        try:
            self._emit(context, told)
        # Whatever Airflow raises here, the work in the lake is done, and a retry would not do it better.
        except Exception:
            self.log.warning("The asset events of this task could not be told.", exc_info=True)

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Take `ANY_LAKE` back from a task that had nothing to tell, or Airflow would emit an event all the same."""
        if not self._has_told:
            self.outlets = [outlet for outlet in self.outlets if outlet != ANY_LAKE]
        super().post_execute(context, result)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """What OpenLineage learns when the task succeeded."""
        return self._openlineage()

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """What OpenLineage learns when the task failed: what it had done until then."""
        return self._openlineage()

    def _openlineage(self) -> OperatorLineage[Any, Any] | None:
        from airflow_provider.lineage.openlineage import operator_lineage

        return None if self._told is None else operator_lineage(self._told)

    def _emit(self, context: Context, told: Told) -> None:
        events, extra = context["outlet_events"], told.extra()
        for outlet in list(self.outlets):
            if lake_of(outlet) is not None:
                events[outlet].extra.update(extra)
                self._part(context, events[outlet])
            elif outlet == ANY_LAKE:
                events[outlet].extra.update(extra)
                self._emit_known(events, told, extra)
            elif isinstance(outlet, AssetAlias):
                _emit_through(events[outlet], events, told)

    def _emit_known(self, events: Any, told: Told, extra: dict[str, Any]) -> None:
        declared = set(map(lake_of, self.outlets))
        others = [uri for uri in told.written() if uri not in declared]
        known = [asset for uri in others if (asset := _known(events, uri)) is not None]
        for asset in known:
            events[asset].extra.update(extra)
        # Airflow takes events of outlets alone. This is the copy of the task that this try has.
        self.outlets = [*self.outlets, *known]

    def _part(self, context: Context, event: Any) -> None:
        keys = self.render_template(self.asset_partitions, context)
        if keys and hasattr(event, "add_partitions"):
            event.add_partitions(keys)
        elif keys:
            self.log.warning("This Airflow has no asset partitions: %s are not told.", keys)


def _hears_of_a_lake(outlet: Any) -> bool:
    return isinstance(outlet, AssetAlias) or outlet == ANY_LAKE or lake_of(outlet) is not None


def _emit_through(alias: Any, events: Any, told: Told) -> None:
    extra = told.extra() if hasattr(Asset, "ref") else _hashable(told.extra())
    for uri in told.written():
        asset = _known(events, uri) or (Asset(str(uri)) if uri == told.lake else None)
        if asset is not None:
            alias.add(asset, extra=extra)


def _known(events: Any, uri: LakeUri) -> Asset | None:
    """The asset that somebody gave this URI, whatever its name; an event under another name would reach nobody."""
    if not hasattr(Asset, "ref"):
        # Airflow 2.11 knows assets by their URI alone, and passes over those that are nobody's.
        return Asset(str(uri))
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

    try:
        key = events[Asset.ref(uri=str(uri))].key
    except AirflowRuntimeError as error:
        if error.error.error is ErrorType.ASSET_NOT_FOUND:
            return None
        raise
    return Asset(name=key.name, uri=key.uri)


class _HashableDict(dict[str, Any]):
    """A dict that is a member of sets: Airflow 2.11 keeps what aliases are told in one, and would fail the task."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _HashableDict({key: _hashable(one) for key, one in value.items()})
    return tuple(map(_hashable, value)) if isinstance(value, (list, tuple)) else value


def upload_facts(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What an upload's summary says that is small and lasting."""
    return {name: summary[name] for name in ("files", "counts", "bytes", "seconds", "report") if name in summary}


def job_facts(job: Job, url: str) -> dict[str, Any]:
    """A job as an event's `extra` tells of it, with what it counted."""
    told = {"id": str(job.id), "url": url, "status": str(job.status)}
    return {"job": told, **({"counts": job.counts} if job.counts else {})}


def as_names(names: Any) -> tuple[str, ...]:
    """Names or places as operators take them: one, several or none; what is neither text nor path is left out."""
    listed = names if isinstance(names, (list, tuple, set)) else [names]
    return tuple(str(name) for name in listed if isinstance(name, (str, os.PathLike)))
