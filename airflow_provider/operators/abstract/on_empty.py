"""End of a task that has nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from airflow_provider.compat import AirflowSkipException
from datalake_ops.arguments import OnEmpty
from datalake_ops.errors import NoDataError


@dataclass
class EmptyEnd:
    """Outcome of a block: `is_empty` after it had nothing to do and the task is to succeed."""

    is_empty: bool = False


@contextmanager
def ends_empty(on_empty: OnEmpty, log: Any) -> Iterator[EmptyEnd]:
    """Apply `on_empty` to a block that raises `NoDataError`.

    Raises:
        AirflowSkipException: there is nothing to do, and `on_empty` is "skip".
        NoDataError: the same with "fail"; no retry helps.
    """
    end = EmptyEnd()
    try:
        yield end
    except NoDataError as error:
        if on_empty == "fail":
            raise
        if on_empty == "skip":
            raise AirflowSkipException(f"Nothing to do: {error}") from error
        log.info("Nothing to do; the task succeeds with an empty result: %s", error)
        end.is_empty = True
