"""Manifest of an operator's arguments, and whether the DAG's author named it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider.compat import is_from_mapped

if TYPE_CHECKING:
    from datalake_ops.upload.sources.manifest import Manifest

# Names of a template that only the DAG, its schedule and the deployment give a value.
_OF_THE_DEPLOYMENT = frozenset(
    "conn var macros dag task ds ds_nodash ts ts_nodash ts_nodash_with_tz logical_date execution_date "
    "data_interval_start data_interval_end prev_data_interval_start_success prev_data_interval_end_success "
    "prev_start_date_success prev_end_date_success".split()
)


class ManifestArguments(Protocol):
    """Operator that takes a manifest."""

    manifest: str | None
    manifest_base: str | None
    manifest_allow: Any

    def template_of(self, name: str) -> Any:
        """Return the template of an argument; None for one without."""


def manifest_of(task: ManifestArguments) -> Manifest:
    """Return the manifest; foreign when its address comes from the run: a parameter, an XCom, or a mapped argument."""
    from datalake_ops.upload.sources.manifest import Manifest

    authored = not is_from_mapped(task) and _is_authored(task.template_of("manifest"))
    return Manifest(str(task.manifest), base=task.manifest_base, allow=task.manifest_allow or (), foreign=not authored)


def _is_authored(template: Any) -> bool:
    if template is None:
        return True
    if not isinstance(template, str):
        return False
    from jinja2 import Environment, meta

    # It was rendered, so it can be parsed; nothing is rendered here.
    names = meta.find_undeclared_variables(Environment(autoescape=True).parse(template))
    return names <= _OF_THE_DEPLOYMENT
