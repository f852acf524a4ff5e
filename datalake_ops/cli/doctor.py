"""`datalake-ops doctor`: check of the connection and of what is installed."""

from __future__ import annotations

import argparse
import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import datalake_ops
from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.config import RetryPolicy
from datalake_ops.errors import DatalakeError
from datalake_ops.terminal import print_json

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

_PACKAGES = ("apache-airflow", "prefect", "fastapi", "picsellia")


@dataclass(frozen=True)
class ConnectionCheck:
    """Result of one check: passed, failed, or information only (`ok` None)."""

    name: str
    ok: bool | None
    text: str


def add_commands(commands: Commands) -> None:
    """Add the command."""
    add_command(commands, "doctor", run, "Check the connection, step by step, and say what is installed")


def run(arguments: argparse.Namespace) -> int:
    """Print the result of every check; fail when one failed."""
    results = _installed() + _reached(arguments)
    if arguments.json:
        print_json([asdict(result) for result in results])
    else:
        marks = {True: "ok  ", False: "FAIL", None: "    "}
        for result in results:
            print(f"{marks[result.ok]}  {result.name:<14} {result.text}")
    return 1 if any(result.ok is False for result in results) else 0


def _installed() -> list[ConnectionCheck]:
    found = [f"datalake-ops {datalake_ops.__version__}", f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return [ConnectionCheck("installed", None, ", ".join(found))]


def _reached(arguments: argparse.Namespace) -> list[ConnectionCheck]:
    try:
        # One try: the caller wants to see the error, not to wait until it may have passed.
        hook = hook_from(arguments, retry=RetryPolicy(attempts=1))
    except DatalakeError as error:
        return [ConnectionCheck("configuration", False, str(error))]
    with hook:
        configured = ConnectionCheck("configuration", True, f"{hook.connection.host}, a token is set")
        fine, text = hook.test_connection()
        results = [configured, ConnectionCheck("connection", fine, text)]
        return [*results, *_offered(hook)] if fine else results


def _offered(hook: DatalakeHook) -> list[ConnectionCheck]:
    context = hook.context
    missing = "none: retries of launches and imports cannot be recognised, jobs cannot be cancelled"
    results = [ConnectionCheck("extensions", None, ", ".join(sorted(context.extensions)) or missing)]
    try:
        started = time.perf_counter()
        count = hook.count_data()
        took = time.perf_counter() - started
        results.append(ConnectionCheck("data", True, f"{count:,} in the lake; counted in {took * 1000:.0f} ms"))
        names = ", ".join(processing.name for processing in hook.list_processings(limit=20))
        results.append(ConnectionCheck("processings", None, names or "none"))
    except DatalakeError as error:
        results.append(ConnectionCheck("data", False, str(error)))
    return results
