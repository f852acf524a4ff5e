"""Retry policy of tasks: the core's classification of errors as decisions of Airflow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import HAS_RETRY_POLICIES, AirflowFailException, RetryDecision, RetryPolicy
from datalake_ops.errors import DatalakeError
from datalake_ops.retryability import Remedy, remedy_of, told_delay

if TYPE_CHECKING:
    from airflow.sdk import Context

# As Airflow caps it.
_LONGEST_DELAY = timedelta(days=1)


class DatalakeRetryPolicy(RetryPolicy):
    """Retry policy: wrong tokens and bad input fail at once, 429 and 5xx wait as told, lost jobs restart (Airflow 3.3).

    Every operator of this provider has it unless it is given another. What it does not know, such as a job that
    failed, is left to the task's `retries` and `retry_delay`. The delays of a mapped task's instances are spread.

    Example:
        Use it for a task of one's own that calls the hook:
        ```python
        @task(retries=3, retry_policy=DatalakeRetryPolicy())
        def count() -> int:
            return DatalakeHook().datalake.count_data(tags=["demo"])
        ```
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide about one failure; Airflow asks on the worker."""
        remedy = remedy_of(exception)
        reason = f"{type(exception).__name__}: {remedy.value}"
        if remedy is Remedy.GIVE_UP:
            return RetryDecision.fail(reason)
        spread = mapped_delay(context, try_number)
        if remedy is Remedy.UNKNOWN:
            return RetryDecision.default() if spread is None else RetryDecision.retry(spread, reason)
        delay = told_delay(exception)
        if delay is not None:
            return RetryDecision.retry(timedelta(seconds=delay) + (spread or timedelta()) / 8, reason)
        return RetryDecision.retry(spread, reason)

    def serialize(self) -> dict[str, Any]:
        """The class alone: there is nothing to set."""
        return {"__type": f"{type(self).__module__}.{type(self).__qualname__}"}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DatalakeRetryPolicy:
        """The policy that `serialize` wrote down."""
        return cls()


def mapped_delay(context: Context | None, try_number: int) -> timedelta | None:
    """Delay of a mapped task instance by its map index; None for other tasks.

    Airflow's jitter is the same for all instances of a mapped task, which then come back to the platform at once. The
    delay is the task's own, with its exponential backoff, and up to a quarter longer (twice as long with backoff).
    """
    if context is None or (map_index := getattr(context.get("ti"), "map_index", None)) in (None, -1):
        return None
    task, ti = context["task"], context["ti"]
    multiplier = float(getattr(task, "retry_exponential_backoff", 0) or 0)
    grows = multiplier not in (0.0, 1.0)
    seconds = task.retry_delay.total_seconds() * (multiplier ** (try_number - 1) if grows else 1.0)
    longest = (getattr(task, "max_retry_delay", None) or _LONGEST_DELAY).total_seconds()
    words = f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{map_index}/{try_number}"
    share = int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") / 2**32
    return timedelta(seconds=min(seconds * (1 + share * (1.0 if grows else 0.25)), longest))


def default_retry_policy(given: Any) -> Any:
    """The given policy, else ours where Airflow has policies."""
    return DatalakeRetryPolicy() if given is None and HAS_RETRY_POLICIES else given


@contextmanager
def failing_at_once(soft_fail: bool = False) -> Iterator[None]:
    """Fail without retries by an error that no retry can mend, where Airflow has no retry policies (before 3.3).

    A sensor with `soft_fail` keeps its retries: it would take an `AirflowFailException` for a wait that was too long,
    and be skipped.

    Raises:
        AirflowFailException: instead of an error whose remedy is to give up; that error is its cause.
    """
    try:
        yield
    except DatalakeError as error:
        if HAS_RETRY_POLICIES or soft_fail or remedy_of(error) is not Remedy.GIVE_UP:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
