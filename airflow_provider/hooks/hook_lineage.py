"""Hook lineage: which verbs of the shared hook read the lake and which write to it, told to Airflow's collector."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider.hooks.datalake import DatalakeHook
    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.lineage import LakeUri

# Verb -> arguments that say which data of the lake it is about.
READS: Mapping[str, tuple[str, ...]] = {
    "count_data": ("tags", "q"),
    "download": (),
    "find_data": (),
    "get_data": (),
    "iter_data": ("tags", "q"),
    "launch_processing": (),
    "list_data": ("tags", "q"),
    "list_projections": (),
}
WRITES: Mapping[str, tuple[str, ...]] = {
    "add_tags": ("tags",),
    "create_projection": (),
    "create_projections": (),
    "delete_data": (),
    "import_bucket_objects": ("tags", "source"),
    "import_cloud_objects": (),
    "remove_tags": (),
    "update_custom_metadata": (),
    "update_metadata": (),
    "update_multiple_data": (),
    "upload": ("tags", "source"),
    "upload_data": ("tags", "source"),
}
_LOG = logging.getLogger(__name__)
# A verb that is made of others is told of once.
_INSIDE: ContextVar[bool] = ContextVar("inside a verb", default=False)


def observed(datalake: SharedHook, hook: DatalakeHook) -> SharedHook:
    """The same shared hook; where Airflow collects hook lineage, its verbs tell what they read and wrote."""
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    # Without a reader of lineage Airflow has a collector that forgets everything.
    if type(collector).__name__ == "NoOpCollector":
        return datalake
    for verbs, tell in ((READS, collector.add_input_asset), (WRITES, collector.add_output_asset)):
        for verb, names in verbs.items():
            note = functools.partial(_tell, tell, hook)
            setattr(datalake, verb, _telling(datalake, getattr(datalake, verb), names, note))
    return datalake


def _telling(
    datalake: SharedHook, verb: Callable[..., Any], names: tuple[str, ...], note: Callable[[LakeUri], None]
) -> Callable[..., Any]:
    signature = inspect.signature(verb)

    @functools.wraps(verb)
    def tell(*args: Any, **kwargs: Any) -> Any:
        outermost = not _INSIDE.get()
        token = _INSIDE.set(True)
        try:
            done = verb(*args, **kwargs)
        finally:
            _INSIDE.reset(token)
        if outermost:
            try:
                note(_about(datalake, signature.bind(*args, **kwargs).arguments, names))
            # The work is done; that nobody could be told of it must not undo it.
            except Exception:  # noqa: BLE001
                _LOG.warning("Hook lineage of %s could not be told.", verb.__name__, exc_info=True)
        return done

    return tell


def _about(datalake: SharedHook, given: Mapping[str, Any], names: tuple[str, ...]) -> LakeUri:
    tags = given.get("tags") if "tags" in names else None
    listed = [tags] if not isinstance(tags, (list, tuple)) else tags
    words = [str(getattr(tag, "name", tag)) for tag in listed if tag]
    # "One of several tags" has no URI.
    several = len(words) > 1 and "q" in names and not given.get("intersect_tags")
    source = given.get("source") if "source" in names else None
    q = given.get("q") if "q" in names else None
    return datalake.lake_uri([] if several else words, str(getattr(source, "name", source)) if source else None, q)


def _tell(tell: Callable[..., Any], hook: DatalakeHook, uri: LakeUri) -> None:
    tell(context=hook, uri=str(uri))
