"""Uploads in processes of their own, which a test can kill at any moment."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from datalake_ops.config import Connection
from datalake_ops.hook import DatalakeHook

# Loaded once, in the process that all workers are forked from.
PRELOADED = ["tests.upload.worker", "datalake_ops.upload.engine", "datalake_ops.upload.dedup.deduplicator"]


@dataclass(frozen=True)
class Job:
    """One upload: to whom, what and how; the report goes to `report`, if the upload comes that far."""

    connection: Connection
    paths: Sequence[Path]
    options: dict[str, Any]
    report: Path
    # Begin when this file is there, so that several workers begin together.
    signal: Path | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # A connection is not pickled; this pipe leads to a process of the test's own.
        return _job, (vars(self.connection), *(getattr(self, one.name) for one in fields(self)[1:]))

    def run(self) -> None:
        if self.signal is not None:
            while not self.signal.exists():
                time.sleep(0.001)
        with DatalakeHook.from_connection(self.connection) as hook:
            report = hook.upload(self.paths, **self.options)
        draft = self.report.with_suffix(".part")
        draft.write_text(json.dumps({"rows": [row.to_json() for row in report.files], "notes": report.notes}))
        draft.replace(self.report)


def _job(settings: dict[str, Any], *others: Any) -> Job:
    return Job(Connection(**settings), *others)


class Worker:
    """A process that does one job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._process: ForkServerProcess = _context().Process(target=job.run)
        self._process.start()

    @property
    def runs(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()

    def rows(self) -> list[dict[str, Any]]:
        """Wait for the end, and read the report."""
        self._process.join(240)
        assert self._process.exitcode == 0
        rows: list[dict[str, Any]] = json.loads(self.job.report.read_text())["rows"]
        return rows


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context
