"""The hook: every datalake verb that Airflow operators, Prefect tasks and plain scripts use."""

from __future__ import annotations

from datalake_ops.hook.changes import ChangeVerbs
from datalake_ops.hook.files import FileVerbs
from datalake_ops.hook.imports import ImportVerbs
from datalake_ops.hook.jobs import JobVerbs
from datalake_ops.hook.processings import ProcessingVerbs

__all__ = ["DatalakeHook"]


class DatalakeHook(FileVerbs, ImportVerbs, ProcessingVerbs, JobVerbs, ChangeVerbs):
    """A datalake with all its verbs; safe to share between threads, usable as a context manager.

    Nothing is sent until the first verb; then the token, the organization and the lake are looked up once.

    Example:
        >>> with DatalakeHook(host="http://127.0.0.1:8765", api_token="...") as lake:  # doctest: +SKIP
        ...     data = lake.upload_data("porsche.jpg", tags=["car"])

    Raises:
        ConfigurationError: host, token or an id cannot be right.
    """
