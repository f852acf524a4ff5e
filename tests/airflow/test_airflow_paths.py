"""Module paths that DAGs, stored DAGs and stored triggers hold go on to work."""

from __future__ import annotations

from importlib import import_module

import pytest

from airflow_provider.get_provider_info import get_provider_info

EARLIER = {
    "airflow_provider.assets": "ANY_LAKE convert_asset_to_openlineage create_asset datalake_asset sanitize_uri",
    "airflow_provider.operators.bucket": "ImportBucketOperator",
    "airflow_provider.operators.gate": "QualityGateOperator",
    "airflow_provider.operators.objects": "ImportCloudObjectsOperator PlanImportOperator",
    "airflow_provider.retrying": "DatalakeRetryPolicy",
    "airflow_provider.storage": "Storage",
    "airflow_provider.watching": "ended_jobs new_batches new_data_ids",
}
STORED = {
    "airflow_provider.triggers.data": "DataTrigger",
    "airflow_provider.triggers.job": "JobTrigger",
    "airflow_provider.triggers.watch": "DatalakeDataTrigger DatalakeJobsTrigger",
}


@pytest.mark.parametrize("path", sorted(EARLIER))
def test_an_earlier_path_gives_the_same_object_as_the_new_one(path: str) -> None:
    for name in EARLIER[path].split():
        value = getattr(import_module(path), name)
        home = getattr(value, "__module__", None)
        if isinstance(value, type) or callable(value):
            assert home != path
            assert getattr(import_module(home), name) is value


@pytest.mark.parametrize("path", sorted(STORED))
def test_a_trigger_that_airflow_has_stored_is_still_where_it_was(path: str) -> None:
    for name in STORED[path].split():
        assert getattr(import_module(path), name).__module__ == path


def test_the_provider_names_modules_that_define_their_operators() -> None:
    info = get_provider_info()
    modules = [name for kind in ("operators", "sensors", "triggers") for name in info[kind][0]["python-modules"]]

    assert modules
    for module in modules:
        found = [one for one in vars(import_module(module)).values() if getattr(one, "__module__", None) == module]
        assert found, module
