"""Compatibility with Airflow 2.11 to 3.x: every other module imports from here what differs between versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    Asset,
    AssetAlias,
    BaseHook,
    BaseOperator,
    BaseOperatorLink,
    BaseSensorOperator,
    DecoratedOperator,
    PokeReturnValue,
    TaskDeferred,
    TaskGroup,
    XCom,
    conf,
    task_decorator_factory,
)

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:
    from airflow.exceptions import AirflowRescheduleException

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError:
    RetryDecision = RetryPolicy = object  # type: ignore[misc,assignment]

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context

__all__ = [
    "AIRFLOW_ERRORS",
    "HAS_RETRY_POLICIES",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "Asset",
    "AssetAlias",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "DecoratedOperator",
    "PokeReturnValue",
    "RetryDecision",
    "RetryPolicy",
    "TaskDeferred",
    "TaskGroup",
    "XCom",
    "airflow_address",
    "airflow_connection",
    "amask_secret",
    "ask_airflow",
    "conf",
    "default_deferrable",
    "gave_trigger_up",
    "is_from_mapped",
    "is_native",
    "is_template",
    "mapped_arguments",
    "mask_secret",
    "render_text",
    "run_generation",
    "secrets_backends",
    "supervisor_delay",
    "task_decorator_factory",
    "task_state",
    "text_environment",
]

try:
    from airflow.sdk.exceptions import AirflowRuntimeError
except ImportError:  # Airflow 2.
    AirflowRuntimeError = AirflowException  # type: ignore[misc,assignment]

T = TypeVar("T")
# Errors between a process of a task or trigger and Airflow itself. The last derives from `Exception` alone.
AIRFLOW_ERRORS = (AirflowException, OSError, RuntimeError, AirflowRuntimeError)
BEFORE_3 = airflow_version.startswith("2.")
# Airflow 3.3 and newer.
HAS_RETRY_POLICIES = RetryPolicy is not object
# Seconds after a worker's end that Airflow may take to notice it, and a busy scheduler to read it after that.
_NOTICE_SECONDS = 2.0
_SCHEDULER_SECONDS = 3.0

# common.compat has it since 1.23, which needs Python 3.11; before it Airflow 3 and 2.11 have it at places of their own.
_MASKERS = ("airflow.providers.common.compat.sdk", "airflow.sdk.log", "airflow.utils.log.secrets_masker")


def mask_secret(secret: str) -> None:
    """Keep a credential out of every log of this process."""
    for name in _MASKERS:
        try:
            mask = import_module(name).mask_secret
        except (ImportError, AttributeError):
            continue
        mask(secret)
        return
    raise ImportError(f"This Airflow has no mask_secret in any of {_MASKERS}.")


async def ask_airflow(function: Callable[..., T], *args: Any) -> T:
    """Call a blocking function that asks Airflow from a trigger, in a thread.

    In a thread of asgiref's, Airflow's client speaks on the triggerer's own event loop. In any other thread it would,
    before 3.3, speak on a loop of its own, get answers that are not its own, and bring the whole triggerer down.
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(function, thread_sensitive=False)(*args)


async def amask_secret(secret: str) -> None:
    """Keep a credential out of every log, from an event loop that must not be blocked."""
    try:
        from airflow.sdk.log import amask_secret as mask
    except ImportError:
        # Before Airflow 3.3.2 the masker may ask the supervisor, and wait.
        await ask_airflow(mask_secret, secret)
        return
    await mask(secret)


def is_template(value: Any) -> bool:
    """Return True if a value holds a Jinja template or the output of another task, also inside a collection."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, dict):
        return any(map(is_template, value.values()))
    if isinstance(value, (list, tuple, set)):
        return any(map(is_template, value))
    # XComArg, MappedArgument and whatever else Airflow resolves when the task runs.
    return isinstance(value, _resolvable())


def is_from_mapped(operator: Any) -> bool:
    """Return True if an operator was made from a mapped one, its mapped arguments resolved."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))


def mapped_arguments(operator: Any, default_args: Mapping[str, Any]) -> set[str]:
    """Names of the arguments that an operator got by `expand` or `expand_kwargs`; none of one that is not mapped."""
    if not is_from_mapped(operator):
        return set()
    mapped = operator.get_dag().task_dict[operator.task_id]
    value = mapped._get_specified_expand_input().value
    if isinstance(value, Mapping):
        return set(value)
    # The names of `expand_kwargs` are another task's, and Airflow keeps only what came of them.
    given = operator._BaseOperator__init_kwargs
    by_default = {name for name, one in default_args.items() if one is not None and given.get(name) is one}
    return set(given) - set(mapped.partial_kwargs) - by_default


def is_native(jinja_env: Any) -> bool:
    """Return True if templates of this environment render Python objects."""
    from jinja2.nativetypes import NativeEnvironment

    return isinstance(jinja_env, NativeEnvironment)


def text_environment(operator: Any) -> Any:
    """The environment of an operator's DAG that renders text, with the filters and macros of the DAG."""
    return operator.get_dag().get_template_env(force_sandboxed=True)


def render_text(template: Any, context: Any) -> str:
    """Render a template as text, whatever its DAG renders."""
    try:
        from airflow.sdk.definitions._internal.templater import (  # type: ignore[attr-defined]
            render_template_to_string,
        )
    except ImportError:
        from airflow.template.templater import render_template_to_string  # type: ignore[import-not-found,no-redef]
    return str(render_template_to_string(template, context))


@cache
def _resolvable() -> type:
    try:
        from airflow.sdk.definitions._internal.mixins import ResolveMixin
    except ImportError:
        from airflow.utils.mixins import ResolveMixin  # type: ignore[import-not-found,no-redef]
    found: type = ResolveMixin
    return found


def gave_trigger_up(next_method: str, next_kwargs: dict[str, Any] | None) -> bool:
    """Return True if Airflow resumes a deferred task because its trigger timed out, and not because it failed."""
    # Every version resumes both in one method, and tells them apart by the text of the error.
    return next_method == "__fail__" and "timeout" in str((next_kwargs or {}).get("error")).lower()


def default_deferrable() -> bool:
    """Airflow's setting `[operators] default_deferrable`."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def supervisor_delay() -> float:
    """Seconds after which Airflow has surely noticed that a deferred or rescheduled task has left its worker.

    Up to `[workers] min_heartbeat_interval` may pass before it notices. A task that is queued again before the
    scheduler has read how its worker ended is failed by it, with "finished with state success, but the task instance's
    state attribute is queued" (apache/airflow #66374, #71580).
    """
    heartbeat = float(conf.getint("workers", "min_heartbeat_interval", fallback=5))
    return heartbeat + _NOTICE_SECONDS + _SCHEDULER_SECONDS


def run_generation(context: Context) -> str:
    """Text that is the same for all retries of a task, and another one after a clear or in another run."""
    # Clearing raises `max_tries`; a retry does not. The run's start tells apart the runs of two deployments, or
    # of one before and after its database was reset, that bear the same run id.
    started_at = context["dag_run"].start_date
    return f"{context['ti'].max_tries}@{started_at.isoformat() if started_at else ''}"


def airflow_address() -> str:
    """Airflow's configured base URL, "" without one; two Airflows that share a platform tell their jobs apart by it."""
    return str(conf.get("webserver" if BEFORE_3 else "api", "base_url", fallback="") or "")


async def airflow_connection(conn_id: str) -> Connection:
    """Look an Airflow connection up without blocking the event loop."""
    from airflow.providers.common.compat.connection import get_async_connection

    return await get_async_connection(conn_id)


def secrets_backends() -> list[Any]:
    """The backends that this process asks for connections, in their order."""
    try:
        from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded
    except ImportError:
        # Airflow 2.
        from airflow.configuration import ensure_secrets_loaded

        return list(ensure_secrets_loaded())
    return list(ensure_secrets_backend_loaded())


async def task_state(ti: Any) -> str | None:
    """Ask Airflow from a trigger for the state of its task; None when the task is gone."""
    state = await ask_airflow(_task_state_2 if BEFORE_3 else _task_state, ti)
    return None if state is None else str(state)


def _task_state(ti: Any) -> Any:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    # Airflow names a mapped task's state after its index too.
    name = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    return states.get(ti.run_id, {}).get(name)


def _task_state_2(ti: Any) -> Any:
    # Triggers of Airflow 2 may ask the database.
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        return (
            session.query(TaskInstance.state)
            .filter_by(dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index)
            .scalar()
        )
