"""Identity of a task's call in its flow run: that of the first try for a retry or resume, another for another call.

Equal calls (of one action with the same arguments) are numbered in the order of their first execution in one try of the
flow run. A try of the flow run begins the numbers anew, so that its n-th call has the identity of the n-th call before.
A call inside a task keeps its number when that task is retried, at any depth of tasks in tasks.

Calls that a flow submits to other processes are numbered where they are submitted, and carry their number there.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from collections.abc import Hashable, Iterator
from contextvars import Token
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from prefect import runtime
from prefect.client.schemas.objects import TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.utilities.hashing import hash_objects

Path = tuple[tuple[str, int], ...]


class CallNumbers:
    """Numbers of equal calls in one try of a flow run; safe for calls from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Task runs of one label that were begun in one try of the task around them, in order.
        self._members: dict[Hashable, dict[UUID, int]] = {}
        self._paths: dict[str, dict[Path, int]] = {}
        self._submissions: Counter[str] = Counter()

    def number(self, call: str, inside: list[TaskRun], own: TaskRun) -> int:
        """Return the number, from 0, of a call that `own` makes inside other task runs, the outermost first."""
        with self._lock:
            path: Path = ()
            scope: tuple[Hashable, ...] = ()
            for task_run, label in [*((one, _label(one)) for one in inside), (own, call)]:
                members = self._members.setdefault((scope, label), {})
                index = members.setdefault(task_run.id, len(members))
                path += ((label, index),)
                # Another try of a task makes its calls anew.
                scope += (label, index, task_run.run_count)
            paths = self._paths.setdefault(call, {})
            return paths.setdefault(path, len(paths))

    def submission(self, call: str) -> int:
        """Return the number, from 0, of a call that the flow submits."""
        with self._lock:
            self._submissions[call] += 1
            return self._submissions[call] - 1


@dataclass(frozen=True)
class Submission:
    """Number of a submitted call among the equal ones of its flow run's try, and the process that submitted it."""

    number: int
    process: tuple[str, int]


# Processes on two machines may have one id, and forked ones this text.
_PROCESS = uuid4().hex
_numbers: dict[Hashable, CallNumbers] = {}
_numbers_lock = threading.Lock()


def submission_of(call: str) -> Submission | None:
    """Return the number of a call that the present flow run submits; None outside a flow, and inside a task."""
    flow = FlowRunContext.get()
    if flow is None or flow.flow_run is None or TaskRunContext.get() is not None:
        return None
    return Submission(_numbers_of_flow(flow).submission(call), (_PROCESS, os.getpid()))


def call_number(call: str) -> int | str:
    """Return the number of the present task run's call among the equal calls of its flow run; 0 outside any task.

    A call that was submitted to this process by another one has the number that it was submitted with, as text. Other
    calls in such a process are counted there alone: `key=` tells equal ones apart.
    """
    inside = _task_runs()
    if not inside:
        return 0
    context = TaskRunContext.get()
    submission = getattr(context.task, "submission", None) if context is not None else None
    if submission is not None and len(inside) == 1 and submission.process != (_PROCESS, os.getpid()):
        return f"s{submission.number}"
    return _numbers_of_this_try(inside[0]).number(call, inside[:-1], inside[-1])


def root_run_id() -> str | None:
    """Return the id of the flow run, or of the outermost task run outside any flow; None outside any run."""
    if run_id := runtime.flow_run.id:
        return str(run_id)
    inside = _task_runs()
    return str(inside[0].id) if inside else None


def current_try() -> tuple[int, int]:
    """Return the try of the flow run, from 1, and the number of retries of the tasks around the present task run.

    The present task run's own retries do not count: they repeat a call that has not answered yet.
    """
    retries = sum(max(one.run_count - 1, 0) for one in _task_runs()[:-1])
    return max(int(runtime.flow_run.run_count or 0), 1), retries


def enclosing(context: Any) -> Iterator[Any]:
    """Iterate over one of Prefect's contexts and those of its kind around it, of which Prefect keeps the innermost."""
    while context is not None and context is not Token.MISSING:
        yield context
        token = context._token
        context = token.old_value if token is not None else None


def _task_runs() -> list[TaskRun]:
    """The task runs of the present flow run that this code is inside of, the outermost first."""
    found = [one.task_run for one in enclosing(TaskRunContext.get())]
    own = [one for one in found if found and one.flow_run_id == found[0].flow_run_id]
    return [*{one.id: one for one in reversed(own)}.values()]


def _numbers_of_this_try(outermost: TaskRun) -> CallNumbers:
    flow = FlowRunContext.get()
    holder: Any = outermost
    key: Hashable = outermost.id
    if flow is not None and flow.flow_run is not None and flow.flow_run.id == outermost.flow_run_id:
        return _numbers_of_flow(flow)
    return _numbers_of(holder, key)


def _numbers_of_flow(flow: FlowRunContext) -> CallNumbers:
    # Prefect makes a context for each try of a flow run.
    run: Any = flow.flow_run
    return _numbers_of(flow, (run.id, run.run_count, flow.start_time))


def _numbers_of(holder: Any, key: Hashable) -> CallNumbers:
    with _numbers_lock:
        if key not in _numbers:
            _numbers[key] = CallNumbers()
            weakref.finalize(holder, _numbers.pop, key, None)
        return _numbers[key]


def _label(task_run: TaskRun) -> str:
    context = next((one for one in enclosing(TaskRunContext.get()) if one.task_run.id == task_run.id), None)
    digest = hash_objects(context.parameters) if context is not None else None
    # Mapped task runs begin in any order; their parameters tell them apart, where Prefect can hash them.
    return f"{task_run.task_key}:{digest or ''}"
