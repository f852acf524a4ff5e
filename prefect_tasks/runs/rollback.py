"""Rollback of a task's changes inside `with transaction()`, and only of these: what was there before stays.

Prefect calls these hooks when something after the task fails, or when the run is stopped. Outside a transaction nothing
is undone. A run that is killed at once (SIGKILL) undoes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prefect.context import TaskRunContext
from prefect.transactions import Transaction, get_transaction

from prefect_tasks.blocks import DatalakeCredentials, load_credentials
from prefect_tasks.runs.call_identity import enclosing
from prefect_tasks.runs.run_logger import run_logger

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.upload.reporting.report import UploadReport

_DONE = "datalake_done"


def is_undoable() -> bool:
    """Return True if a `with transaction()` encloses this task, so that it has to record its changes.

    Prefect gives each task a transaction of its own, so those of this task and of the tasks around it do not count.
    """
    tasks = {one.task_run.id for one in enclosing(TaskRunContext.get())}
    return sum(1 for _ in enclosing(get_transaction())) > len(tasks)


def record_change(credentials: DatalakeCredentials | str, done: Any) -> None:
    """Keep a change of this task, in this process only, for the rollback hook."""
    current = get_transaction()
    if current is not None and is_undoable():
        before = current.get(_DONE, None) or {"done": []}
        current.set(_DONE, {"credentials": credentials, "done": [*before["done"], done]})


def created_ids(report: UploadReport) -> list[str]:
    """Ids of the data that an upload made, those that the platform cannot read included."""
    from datalake_ops.upload.reporting.report import FileStatus

    made = (FileStatus.UPLOADED, FileStatus.UNPROCESSABLE)
    return [str(row.data.id) for row in report.files if row.data is not None and row.status in made]


def data_without_tags(hook: DatalakeHook, data: Sequence[str], tags: Sequence[str]) -> dict[str, list[str]]:
    """By tag, those of the data that do not carry it yet."""
    missing = {}
    for tag in tags:
        known = {str(one.id) for one in hook.iter_data(ids=[*data], tags=[tag])} if data else set()
        missing[tag] = [one for one in data if one not in known]
    return missing


def delete_created(txn: Transaction) -> None:
    """Delete the data that the task uploaded; data that it found and skipped stay."""
    _undo(txn, _delete)


def restore_tags(txn: Transaction) -> None:
    """Take the tags off that the task put on, and put on again those that it took off."""
    _undo(txn, _restore)


def _undo(txn: Transaction, undo: Callable[[DatalakeHook, Any], str]) -> None:
    noted = txn.get(_DONE, None)
    if noted:
        with load_credentials(noted["credentials"]).get_client() as hook:
            for done in reversed(noted["done"]):
                run_logger().warning("Rolled back: %s", undo(hook, done))


def _delete(hook: DatalakeHook, data: Sequence[str]) -> str:
    return f"{hook.delete_data(data) if data else 0} uploaded data were deleted."


def _restore(hook: DatalakeHook, changed: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    for tag, data in changed["added"].items():
        if data:
            hook.remove_tags(data, tag)
    for tag, data in changed["removed"].items():
        if data:
            hook.add_tags(data, tag)
    return f"tags {[*changed['added']]} were taken off, and {[*changed['removed']]} put on again."
