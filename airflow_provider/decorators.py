"""`@task.datalake`: a Python function as a task whose parameter `lake` is the hook."""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow_provider.compat import DecoratedOperator, task_decorator_factory
from airflow_provider.handoff.xcoms import as_xcom
from airflow_provider.operators.abstract.datalake import DatalakeOperator
from datalake_ops.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.bases.decorator import TaskDecorator

# The parameter that gets the hook.
LAKE = "lake"


class _FunctionOperator(DatalakeOperator):
    """Calls a function with the hook, its own arguments, and the values of the context that it names."""

    python_callable: Callable[..., Any]
    op_args: Collection[Any]
    op_kwargs: Mapping[str, Any]

    def work(self, context: Context) -> Any:
        """Call the function, and convert its result to JSON values."""
        with self.lake(context) as lake:
            # A copy of the context would read all of it, and Airflow 2 warns of each old name that is read.
            known: ChainMap[str, Any] = ChainMap({LAKE: lake}, cast("dict[str, Any]", context))
            return as_xcom(self.python_callable(*self.op_args, **self._arguments(known)))

    def _arguments(self, known: Mapping[str, Any]) -> dict[str, Any]:
        parameters = list(inspect.signature(self.python_callable).parameters)[len(self.op_args) :]
        given = {name: value for name, value in self.op_kwargs.items() if name != LAKE}
        return {**{name: known[name] for name in parameters if name in known}, **given}


class DatalakeDecoratedOperator(DecoratedOperator, _FunctionOperator):
    """Operator of a function that is decorated with `@task.datalake`."""

    custom_operator_name = "@task.datalake"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=[],
            op_kwargs=_named(python_callable, op_args or (), op_kwargs or {}),
            **kwargs,
        )

    @property
    def is_async(self) -> bool:
        """False: the hook blocks."""
        return False


def datalake_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool | None = None, **kwargs: Any
) -> TaskDecorator:
    """Make a task of a function whose parameter `lake` is the shared hook, with every verb of the datalake.

    Airflow finds it as `@task.datalake`. The hook is open while the function runs. What the function returns may hold
    values of the hook: a data becomes a dictionary, many data become the list of their ids, also those of a
    generator, an upload's report its summary.

    Example:
        >>> @task.datalake(datalake_conn_id="datalake_default")
        ... def newest(lake, tag: str) -> str:
        ...     return str(lake.list_data(tags=tag, order_by=["-created_at"], limit=1)[0].id)

    Args:
        python_callable: The function; it needs a parameter `lake`.
        multiple_outputs: Make an XCom of each key of the dictionary that the function returns.
        kwargs: `datalake_conn_id`, `on_empty`, and what every task takes.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=DatalakeDecoratedOperator,
        **kwargs,
    )


def _named(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments by name, with a placeholder for the hook, which may be any parameter of the signature."""
    signature = inspect.signature(function)
    if LAKE not in signature.parameters:
        raise ConfigurationError(
            f"@task.datalake gives the hook to a parameter `{LAKE}`, and {function.__name__}{signature} has none."
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(f"{function.__name__} is async, and the hook blocks: make it a plain function.")
    others = [one for name, one in signature.parameters.items() if name != LAKE]
    bound = signature.replace(parameters=others).bind_partial(*args)
    return {LAKE: None, **bound.arguments, **kwargs}
