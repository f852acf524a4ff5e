"""The upload task has arguments of the hook's verb, under the same names and with the same defaults."""

from __future__ import annotations

from inspect import signature

from datalake_ops.hook import DatalakeHook
from prefect_tasks import aupload_data, upload_data

HOOK = signature(DatalakeHook.upload).parameters
TASK = signature(upload_data.fn).parameters
# Arguments that only the task has.
OF_THE_TASK = {
    "credentials", "wait_for_unprocessable_data", "report", "allow_failures", "max_ids", "artifacts", "sample", "limit",
    "key", "on_empty",
}  # fmt: skip


def test_every_other_argument_of_the_task_is_one_of_the_verb() -> None:
    assert set(TASK) - OF_THE_TASK <= set(HOOK)


def test_shared_arguments_have_the_same_defaults_but_the_one_that_makes_retries_safe() -> None:
    shared = set(HOOK) & set(TASK)

    assert {name for name in shared if HOOK[name].default != TASK[name].default} == {"if_exists"}


def test_the_awaitable_task_takes_the_same_arguments() -> None:
    assert list(signature(aupload_data.fn).parameters) == list(TASK)
