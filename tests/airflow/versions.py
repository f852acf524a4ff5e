"""What these tests use of Airflow and what lies elsewhere in 2.11, 3.1 and 3.3."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
# The example DAGs and the DAGs of these tests, in the bundle of the session's home.
DAGS_FOLDER = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
EXAMPLES = DAGS_FOLDER / "examples"
TEST_DAGS = DAGS_FOLDER / "tests"


def first_of(*places: str) -> Any:
    """The first of these (`module:name`) that this Airflow has."""
    for place in places:
        module, _, name = place.partition(":")
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"Airflow {AIRFLOW} has none of {places}.")


serialize = first_of("airflow.sdk.serde:serialize", "airflow.serialization.serde:serialize")
deserialize = first_of("airflow.sdk.serde:deserialize", "airflow.serialization.serde:deserialize")
redact = first_of("airflow.sdk.log:redact", "airflow.utils.log.secrets_masker:redact")
attach = first_of("airflow.sdk.io:attach", "airflow.io.store:attach")


@dataclass(frozen=True)
class AssetEvent:
    """What Airflow keeps of an asset's event; Airflow 2 has neither names nor partitions."""

    uri: str
    task_id: str
    name: str | None
    extra: dict[str, Any]
    partition: str | None


def asset_events(run_id: str) -> list[AssetEvent]:
    """The events that the tasks of a run caused."""
    from airflow.utils.session import create_session

    kept = first_of("airflow.models.asset:AssetEvent", "airflow.models.dataset:DatasetEvent")
    with create_session() as session:
        found = []
        for event in session.query(kept).filter(kept.source_run_id == run_id):
            asset = event.asset if hasattr(event, "asset") else event.dataset
            name, partition = getattr(asset, "name", None), getattr(event, "partition_key", None)
            found.append(AssetEvent(asset.uri, event.source_task_id, name, dict(event.extra), partition))
        return found


def queued_consumers() -> list[str]:
    """The DAGs that events of assets have queued a run of; the queue is empty afterwards."""
    from airflow.utils.session import create_session

    queue = first_of("airflow.models.asset:AssetDagRunQueue", "airflow.models.dataset:DatasetDagRunQueue")
    with create_session() as session:
        rows = list(session.query(queue))
        queued = [row.target_dag_id for row in rows]
        for row in rows:
            session.delete(row)
        return queued


def asset_uris() -> set[str]:
    """The assets that Airflow knows, of whatever origin."""
    from airflow.utils.session import create_session

    asset = first_of("airflow.models.asset:AssetModel", "airflow.models.dataset:DatasetModel")
    with create_session() as session:
        return {uri for (uri,) in session.query(asset.uri)}


def add_asset(uri: str, name: str) -> None:
    """Let Airflow know an asset, as if a DAG that it has parsed were scheduled on it."""
    from airflow.utils.session import create_session

    asset = first_of("airflow.models.asset:AssetModel", "airflow.models.dataset:DatasetModel")
    with create_session() as session:
        if AIRFLOW < (3, 0):
            session.add(asset(uri=uri))
        else:
            session.add(asset(uri=uri, name=name, group="asset"))
            session.flush()
            session.add(first_of("airflow.models.asset:AssetActive")(name=name, uri=uri))
