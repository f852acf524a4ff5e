"""The upload operator has the arguments of the hook's verb, under the same names and with the same defaults."""

from __future__ import annotations

from inspect import signature

from airflow_provider.operators.upload import _HANDED_ON, UploadDataOperator
from datalake_ops.hook import DatalakeHook

HOOK = signature(DatalakeHook.upload).parameters
OPERATOR = signature(UploadDataOperator.__init__).parameters
# The verb waits, an operator has a connection of Airflow for the storage, and a task shows its progress in its log.
UNDER_ANOTHER_NAME = {"wait", "storage_options", "on_progress"}
# A retry of a task must not upload twice, and a failed file fails a task.
ANOTHER_DEFAULT = {"filepaths", "if_exists", "raise_on"}


def test_every_argument_of_the_verb_is_one_of_the_operator() -> None:
    assert set(HOOK) - set(OPERATOR) == UNDER_ANOTHER_NAME
    assert set(_HANDED_ON) <= set(HOOK) & set(OPERATOR)


def test_shared_arguments_have_the_same_defaults() -> None:
    shared = set(HOOK) & set(OPERATOR)

    different = {name for name in shared if (HOOK[name].default or None) != (OPERATOR[name].default or None)}

    assert different == ANOTHER_DEFAULT
