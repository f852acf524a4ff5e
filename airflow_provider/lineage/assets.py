"""Assets of the scheme `datalake`: a lake, or some of its data, as Airflow schedules and shows them.

The URI is `datalake_ops.lineage.LakeUri`, the same that Prefect's assets and OpenLineage have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow_provider.compat import Asset, BaseHook
from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError
from datalake_ops.lineage import SCHEME, LakeUri

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

# Whatever is written to any lake by a task that declares none; schedule on it to hear of everything.
ANY_LAKE = Asset("datalake-ops")


def datalake_asset(
    datalake: str | None = None,
    organization: str | None = None,
    host: str | None = None,
    *,
    tags: str | Iterable[str] | None = None,
    source: str | None = None,
    q: str | None = None,
    conn_id: str | None = None,
    **kwargs: Any,
) -> Asset:
    """The asset of a lake, or of those of its data that carry all `tags`, came from `source` and match `q`.

    Names may be given, or come from an Airflow connection, which is then read when the DAG file is parsed; what is
    given wins. Nothing asks the platform.

    Args:
        datalake, organization: Their names, as the platform shows them.
        host: Address of the platform, such as `https://app.picsellia.com`.
        tags, source, q: What narrows the lake; see `datalake_ops.lineage.LakeUri`.
        conn_id: An Airflow connection of type `datalake` that holds what is not given.
        kwargs: `name`, `extra`, `watchers` and whatever else Airflow's `Asset` takes; Airflow 2 has no names, and
            there the name is left out.

    Raises:
        ConfigurationError: The host, the organization or the lake is named neither here nor in the connection.
        ArgumentError: `tags`, `source` or `q` is given and empty, so that the whole lake would be meant.
    """
    names = arguments.texts("tags", tags)
    arguments.refuse_empty({"tags": names, "source": source, "q": q})
    if conn_id is not None:
        host, organization, datalake = _named(conn_id, host, organization, datalake)
    if not (host and organization and datalake):
        raise ConfigurationError(
            "An asset needs the names of host, organization and datalake: give them, or a conn_id whose connection "
            "has organization_name and datalake_name."
        )
    narrowed = LakeUri.of(host, organization, datalake).with_(names or [], source, q)
    if not hasattr(Asset, "ref"):  # Airflow 2 knows assets by their URI alone.
        kwargs.pop("name", None)
    return Asset(uri=str(narrowed), **kwargs)


def create_asset(*, extra: dict[str, Any] | None = None, **names: Any) -> Asset:
    """Make an asset for hook lineage of `scheme="datalake"`; the arguments are those of `datalake_asset`."""
    return datalake_asset(**names, extra=extra)


def sanitize_uri(parts: SplitResult) -> SplitResult:
    """Check a URI of this scheme and write it in its one form.

    Raises:
        ValueError: it names no lake; the message tells what it lacks.
    """
    return urlsplit(str(LakeUri.of_parts(parts)))


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset:
    """Convert an asset to OpenLineage's dataset: namespace is the platform, name is organization and lake."""
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

    uri = LakeUri.parse(asset.uri)
    return OpenLineageDataset(namespace=uri.namespace, name=uri.name)


def lake_of(asset: Any) -> LakeUri | None:
    """The lake that an inlet or outlet is about; None for what is no asset of this scheme."""
    uri = getattr(asset, "uri", None)
    return LakeUri.parse(uri) if isinstance(uri, str) and uri.startswith(f"{SCHEME}://") else None


def _named(conn_id: str, *given: str | None) -> tuple[str | None, str | None, str | None]:
    from airflow_provider.hooks.connection import datalake_connection

    connection = datalake_connection(BaseHook.get_connection(conn_id))
    found = (connection.host, connection.organization_name, connection.datalake_name)
    host, organization, datalake = (mine or theirs for mine, theirs in zip(given, found, strict=True))
    return host, organization, datalake
