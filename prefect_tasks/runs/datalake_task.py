"""Task class of this package: answers for nothing to do, credentials of mapped tasks, values of skipped tasks."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy, deepcopy
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.exceptions import MappingLengthMismatch
from prefect.futures import PrefectFuture
from prefect.results import ResultRecord  # type: ignore[attr-defined] # Prefect's public name of it.
from prefect.states import Completed
from prefect.tasks import Task
from prefect.utilities.annotations import BaseAnnotation, unmapped

from datalake_ops import arguments
from datalake_ops.errors import ArgumentError, NoDataError
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.call_identity import Submission, submission_of
from prefect_tasks.runs.idempotency import lake_identity
from prefect_tasks.runs.run_logger import run_logger

P = ParamSpec("P")
R = TypeVar("R")
SKIPPED = "Skipped"
# Arguments without which the others would choose other data.
_DECISIVE = ("intersect_tags", "offset")


class DatalakeTask(Task[P, R]):
    """A Prefect task whose skipped run has a value, and whose credentials are the same for every mapped run."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:  # type: ignore[override] # Task has overloads.
        """Run the task and return its result, that of a skipped run included, or its state with `return_state=True`."""
        run: Any = super().__call__
        answer: Any = run(*args, **kwargs)
        if kwargs.get("return_state"):
            return cast("R", answer)
        return cast("R", _awaited_value(answer) if inspect.isawaitable(answer) else _value(answer))

    # Number of a copy that is submitted; other processes read it.
    submission: Submission | None = None

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Submit the task to the flow's task runner."""
        counted = copy(self)
        counted.submission = submission_of(_call_of(self, args, kwargs))
        submitted: Any = super(DatalakeTask, counted).submit
        return submitted(*args, **kwargs)

    def with_options(self, *args: Any, **kwargs: Any) -> Task[P, R]:
        """Return a copy with other options."""
        # Prefect makes a plain task of a copy, and this class adds nothing to one but its ways of being called.
        changed = super().with_options(*args, **kwargs)
        changed.__class__ = type(self)
        return changed

    def map(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task for each element of its iterable arguments; blocks and mappings are the same for each.

        Raises:
            ArgumentError: the iterable arguments have different lengths.
        """
        mapped: Any = super().map
        try:
            return mapped(*map(_same_for_all, args), **{name: _same_for_all(value) for name, value in kwargs.items()})
        except MappingLengthMismatch as error:
            raise ArgumentError(
                f"{self.name}.map pairs the elements of its lists, and these have different lengths: {error} Put a "
                "list that is the same for every run into prefect.unmapped(...)."
            ) from error


def datalake_task(
    empty: Any = None, chooses: Sequence[str] = (), kind: type[DatalakeTask[Any, Any]] = DatalakeTask, **options: Any
) -> Callable[[Callable[P, R]], DatalakeTask[P, R]]:
    """Make a task of a function that raises NoDataError when there is nothing to do.

    Args:
        empty: result of a run with nothing to do, or a function that makes it of the arguments.
        chooses: arguments that choose what the task works on. One that is given and empty, or came out None of another
            task, chooses nothing: the function is not called.
        kind: class of the task.
        options: options of the Prefect task.
    """

    def decorate(fn: Callable[P, R]) -> DatalakeTask[P, R]:
        return kind(answering_empty(fn, empty, chooses), **options)

    return decorate


def answering_empty(fn: Callable[P, R], empty: Any, chooses: Sequence[str]) -> Callable[P, R]:
    """Return the function with its argument `on_empty` in effect: what becomes of NoDataError."""
    signature = inspect.signature(fn)
    required = [name for name in chooses if signature.parameters[name].default is inspect.Parameter.empty]

    def given(args: Any, kwargs: Any) -> dict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments.text("key", bound.arguments.get("key"))
        # None is what JSON has for a parameter that was left out.
        word = bound.arguments.get("on_empty")
        return {**bound.arguments, "on_empty": "skip" if word is None else arguments.on_empty(word)}

    @wraps(fn)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        told = given(args, kwargs)
        try:
            refuse_empty(told, chooses, required)
            _refuse_missing(told)
            return cast("R", cast("Any", fn)(**told))
        except NoDataError as error:
            return cast("R", _answer(error, told, empty))

    @wraps(fn)
    async def arun(*args: P.args, **kwargs: P.kwargs) -> Any:
        told = given(args, kwargs)
        try:
            refuse_empty(told, chooses, required)
            _refuse_missing(told)
            return await cast("Any", fn)(**told)
        except NoDataError as error:
            return _answer(error, told, empty)

    return cast("Callable[P, R]", arun if inspect.iscoroutinefunction(fn) else run)


def refuse_empty(told: Mapping[str, Any], chooses: Sequence[str], required: Sequence[str] = ()) -> None:
    """Refuse arguments that choose nothing.

    Raises:
        NoDataError: one is given and empty, is None and required, or came out None of another task.
    """
    for name in chooses:
        value = told[name]
        if value is None and (name in required or came_from_a_task(name)):
            raise NoDataError(f"{name} is None, as after a task that was skipped: there is nothing to do.")
        if arguments.is_empty(value):
            raise NoDataError(f"{name} is given and empty: there is nothing to do.")


def _refuse_missing(told: Mapping[str, Any]) -> None:
    for name in _DECISIVE:
        if name in told and told[name] is None and came_from_a_task(name):
            raise arguments.refusal(name, None, "it came out None of another task. Leave it out, or give a value.")


def came_from_a_task(name: str) -> bool:
    """Return True if Prefect filled in this argument of the present task run by the result of a task or subflow."""
    context = TaskRunContext.get()
    inputs = context.task_run.task_inputs.get(name, ()) if context is not None else ()
    return any(one.input_type in ("task_run", "flow_run") for one in inputs)


def _answer(error: NoDataError, told: Mapping[str, Any], empty: Any) -> Any:
    if told["on_empty"] == "fail":
        raise error
    run_logger().info("Nothing to do: %s", error)
    result = empty(told) if callable(empty) else deepcopy(empty)
    if told["on_empty"] == "succeed" or TaskRunContext.get() is None:
        return result
    return Completed(name=SKIPPED, message=str(error), data=result)


def _value(answer: Any) -> Any:
    if not isinstance(answer, State):
        return answer
    return answer.data.result if isinstance(answer.data, ResultRecord) else answer.data


async def _awaited_value(answer: Awaitable[Any]) -> Any:
    return _value(await answer)


def _call_of(task: Task[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Text that is the same for equal calls of a task; results that are yet to come count as equal."""
    own = {name: value for name, value in kwargs.items() if name not in ("wait_for", "return_state")}
    given = inspect.signature(task.fn).bind(*args, **own).arguments
    return f"{task.task_key}:{json.dumps(given, sort_keys=True, default=_text_of)}"


def _text_of(value: Any) -> str:
    if isinstance(value, BaseAnnotation):
        value = value.unwrap()
    if isinstance(value, (PrefectFuture, State)):
        return type(value).__name__
    return lake_identity(value) if isinstance(value, DatalakeCredentials) else str(value)


def _same_for_all(value: Any) -> Any:
    if isinstance(value, (BaseAnnotation, PrefectFuture)):
        return value
    return unmapped(value) if isinstance(value, (DatalakeCredentials, Mapping)) else value
