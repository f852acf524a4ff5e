"""Drive a visual datalake from Airflow, Prefect or plain Python: upload, find, tag, import, process, wait."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from datalake_ops.version import __version__

if TYPE_CHECKING:
    from datalake_ops.config import Connection, RetryPolicy, Timeouts
    from datalake_ops.errors import DatalakeError, ErrorManager
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.hook.awaiting import AsyncDatalakeHook
    from datalake_ops.upload.preflight import check
    from datalake_ops.upload.reporting.report import FileReport, UploadReport
    from datalake_ops.upload.sharding import merge_reports, merge_summaries, plan_shards
    from datalake_ops.upload.sources.manifest import Manifest
    from datalake_ops.upload.sources.shard import Shard
    from datalake_ops.upload.sources.streams import NamedStream
    from datalake_ops.wire.data import Data, DataChange, DataProjection, MultiData
    from datalake_ops.wire.jobs import Job, JobStatus
    from datalake_ops.wire.processings import Processing
    from datalake_ops.wire.sources import DataSource
    from datalake_ops.wire.tags import Tag

_HOME_OF = {
    "Connection": "config",
    "RetryPolicy": "config",
    "Timeouts": "config",
    "DatalakeError": "errors",
    "ErrorManager": "errors",
    "AsyncDatalakeHook": "hook.awaiting",
    "DatalakeHook": "hook",
    "Manifest": "upload.sources.manifest",
    "NamedStream": "upload.sources.streams",
    "Shard": "upload.sources.shard",
    "check": "upload.preflight",
    "merge_reports": "upload.sharding",
    "merge_summaries": "upload.sharding",
    "plan_shards": "upload.sharding",
    "FileReport": "upload.reporting.report",
    "UploadReport": "upload.reporting.report",
    "Data": "wire.data",
    "DataChange": "wire.data",
    "DataProjection": "wire.data",
    "MultiData": "wire.data",
    "Job": "wire.jobs",
    "JobStatus": "wire.jobs",
    "Processing": "wire.processings",
    "DataSource": "wire.sources",
    "Tag": "wire.tags",
}
__all__ = [
    "AsyncDatalakeHook",
    "Connection",
    "Data",
    "DataChange",
    "DataProjection",
    "DataSource",
    "DatalakeError",
    "DatalakeHook",
    "ErrorManager",
    "FileReport",
    "Job",
    "JobStatus",
    "Manifest",
    "MultiData",
    "NamedStream",
    "Processing",
    "RetryPolicy",
    "Shard",
    "Tag",
    "Timeouts",
    "UploadReport",
    "__version__",
    "check",
    "merge_reports",
    "merge_summaries",
    "plan_shards",
]


def __getattr__(name: str) -> Any:
    # Orchestrators import this package at every parse of every DAG file: nothing is loaded before it is used.
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
