"""Retry policy of tasks: the core's classification of errors as decisions of Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import HAS_RETRY_POLICIES, AirflowFailException, RetryDecision, RetryPolicy
from datalake_ops.errors import DatalakeError
from datalake_ops.retryability import Remedy, remedy_of, told_delay

if TYPE_CHECKING:
    from airflow.sdk import Context


class DatalakeRetryPolicy(RetryPolicy):
    """Retry policy: wrong tokens and bad input fail at once, 429 and 5xx wait as told, lost jobs restart (Airflow 3.3).

    Every operator of this provider has it unless it is given another. What it does not know, such as a job that
    failed, is left to the task's `retries` and `retry_delay`.

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
        if remedy is Remedy.UNKNOWN:
            return RetryDecision.default()
        delay = told_delay(exception)
        return RetryDecision.retry(None if delay is None else timedelta(seconds=delay), reason)

    def serialize(self) -> dict[str, Any]:
        """The class alone: there is nothing to set."""
        return {"__type": f"{type(self).__module__}.{type(self).__qualname__}"}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DatalakeRetryPolicy:
        """The policy that `serialize` wrote down."""
        return cls()


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
