"""Hook lineage: Airflow's collector learns which data of the lake the verbs of a hook read and wrote."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.hook.observation import DataAccess

_LOG = logging.getLogger(__name__)


def lineage_callback(datalake: SharedHook, hook: object) -> Callable[[DataAccess], None] | None:
    """Return a callback for `datalake.on_access` that reports to Airflow's collector; None where nobody reads it.

    Args:
        datalake: The shared hook whose verbs are reported.
        hook: Airflow's hook, which the collector names as the origin.
    """
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    # Without a reader of lineage Airflow has a collector that forgets everything.
    if type(collector).__name__ == "NoOpCollector":
        return None

    def report(access: DataAccess) -> None:
        add = collector.add_output_asset if access.is_write else collector.add_input_asset
        try:
            add(context=hook, uri=str(datalake.lake_uri(access.tags, access.source, access.q)))
        # The work is done; lineage that cannot be recorded must not undo it.
        except Exception:  # noqa: BLE001
            _LOG.warning("The hook lineage of %s could not be recorded.", access.verb, exc_info=True)

    return report
