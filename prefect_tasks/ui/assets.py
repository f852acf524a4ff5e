"""Lineage of a run as Prefect's asset events and, for servers without an assets page, as an artifact.

The assets are those of Airflow, see `datalake_ops.lineage`: the lake, and its data of each tag and of the source. Keys
of Prefect's assets have neither `?`, `&`, `%` nor space: parameters are parts of the path, and `~` stands for `%`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefect.events import emit_event

from datalake_ops.lineage import LakeUri
from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.run_names import redact_address
from prefect_tasks.ui import artifacts

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

_MATERIALIZED = "prefect.asset.materialization.succeeded"
_REFERENCED = "prefect.asset.referenced"
_BY = {"prefect.resource.id": "datalake-ops", "prefect.resource.role": "asset-materialized-by"}
# Each tag is an asset of its own; who puts on more of them tells of the lake alone.
_TAGS = 20
# More places are no lineage but a listing.
_READS = 20
_LONGEST_KEY = 512
_NOT_EMITTED = "Lineage could not be emitted"


@dataclass(frozen=True)
class Materialization:
    """Data that were written to the lake: their tags, source and origins (addresses); `facts` are plain JSON."""

    tags: tuple[str, ...] = ()
    source: str | None = None
    reads: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        tags: str | Sequence[str] | None,
        source: str | None,
        reads: Any = (),
        facts: Mapping[str, Any] | None = None,
    ) -> Materialization:
        """Make it of a task's arguments."""
        named = (tags,) if isinstance(tags, str) else tuple(tags or ())
        return cls(named, source, tuple(_places(reads)), facts or {})

    def assets(self, lake: LakeUri) -> list[LakeUri]:
        """The lake, and the data of each tag and of the source."""
        narrowed = [lake.with_(tags=[tag]) for tag in self.tags] if len(self.tags) <= _TAGS else []
        if self.source:
            narrowed.append(lake.with_(source=self.source))
        return [lake, *narrowed]


def lake_uri(hook: DatalakeHook) -> LakeUri:
    """The lake that a hook works in, as lineage names it."""
    context = hook.context
    return LakeUri.of(hook.connection.host, context.organization.name, context.datalake.name)


def emit_materialization(hook: DatalakeHook, written: Materialization, artifact: bool = True) -> list[str]:
    """Emit asset events for what was written, and return the keys of the assets.

    Errors are logged, and fail nothing.
    """
    keys: list[str] = []
    with artifacts.log_failures(_NOT_EMITTED):
        assets = written.assets(lake_uri(hook))
        _emit(hook, written, assets)
        keys += [asset.key for asset in assets]
        if artifact:
            artifacts.create("markdown", artifacts.LINEAGE, _page(hook, written, assets), "Lineage")
    return keys


def emit_run_materialization(credentials: DatalakeCredentials | str, written: Materialization) -> None:
    """Emit a materialization with a hook of its own, after a job or shards of this run."""
    with artifacts.log_failures(_NOT_EMITTED), load_credentials(credentials).get_client() as hook:
        emit_materialization(hook, written)


def _emit(hook: DatalakeHook, written: Materialization, assets: Iterable[LakeUri]) -> None:
    read = [key for key in map(_key_of, written.reads) if key]
    related = [*({"prefect.resource.id": key, "prefect.resource.role": "asset"} for key in read), _BY]
    for key in read:
        emit_event(_REFERENCED, resource={"prefect.resource.id": key})
    for asset in assets:
        page = hook.datalake_url(asset.query)
        resource = {"prefect.resource.id": asset.key, "prefect.resource.name": asset.name, "prefect.asset.url": page}
        emit_event(_MATERIALIZED, resource=resource, related=related, payload={**written.facts})


def _page(hook: DatalakeHook, written: Materialization, assets: Iterable[LakeUri]) -> str:
    reads = "<br>".join(f"`{one}`" for one in written.reads) or "data of the lake"
    # Prefect's page shows no code inside a link.
    writes = "<br>".join(f"`{asset}` [open]({hook.datalake_url(asset.query)})" for asset in assets)
    facts = [f"- {name}: {_fact(value)}" for name, value in written.facts.items()]
    return "\n".join(["| from | to |", "|---|---|", f"| {reads} | {writes} |", "", *facts])


def _fact(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    return ", ".join(f"{number} {str(name).lower()}" for name, number in value.items() if number) or "none"


def _places(reads: Any) -> list[str]:
    # Shards and parts of sources name no place that anybody else would name the same way.
    listed = reads if isinstance(reads, (list, tuple)) else [reads]
    given = [str(one) for one in listed if isinstance(one, (str, Path))]
    if len(given) > _READS:
        # A long list of files is told by their folders.
        given = list(dict.fromkeys(one.rpartition("/")[0] for one in given))[:_READS]
    return [redact_address(one) if "://" in one else Path(one).absolute().as_uri() for one in given]


def _key_of(place: str) -> str | None:
    scheme, mark, rest = place.partition("://")
    key = f"{scheme.lower()}{mark}" + quote(rest, safe="/:=%").replace("~", "%7E").replace("%", "~")
    return key if mark and len(key) <= _LONGEST_KEY else None
