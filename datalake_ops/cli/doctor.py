"""`datalake-ops doctor`: what works from here, and what does not."""

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
class Finding:
    """One thing looked at: fine, not fine, or only said (`ok` None)."""

    name: str
    ok: bool | None
    text: str


def add_commands(commands: Commands) -> None:
    """Add the command."""
    add_command(commands, "doctor", run, "Check the connection, step by step, and say what is installed")


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; fail when one is not fine."""
    findings = _installed() + _reached(arguments)
    if arguments.json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {True: "ok  ", False: "FAIL", None: "    "}
        for finding in findings:
            print(f"{marks[finding.ok]}  {finding.name:<14} {finding.text}")
    return 1 if any(finding.ok is False for finding in findings) else 0


def _installed() -> list[Finding]:
    found = [f"datalake-ops {datalake_ops.__version__}", f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return [Finding("installed", None, ", ".join(found))]


def _reached(arguments: argparse.Namespace) -> list[Finding]:
    try:
        # One try: who asks what is wrong wants to be told, not to wait until it may be right again.
        hook = hook_from(arguments, retry=RetryPolicy(attempts=1))
    except DatalakeError as error:
        return [Finding("configuration", False, str(error))]
    with hook:
        configured = Finding("configuration", True, f"{hook.connection.host}, a token is set")
        fine, text = hook.test_connection()
        findings = [configured, Finding("connection", fine, text)]
        return [*findings, *_offered(hook)] if fine else findings


def _offered(hook: DatalakeHook) -> list[Finding]:
    context = hook.context
    missing = "none: retries of launches and imports cannot be recognised, jobs cannot be cancelled"
    findings = [Finding("extensions", None, ", ".join(sorted(context.extensions)) or missing)]
    try:
        started = time.perf_counter()
        count = hook.count_data()
        took = time.perf_counter() - started
        findings.append(Finding("data", True, f"{count:,} in the lake; counted in {took * 1000:.0f} ms"))
        names = ", ".join(processing.name for processing in hook.list_processings(limit=20))
        findings.append(Finding("processings", None, names or "none"))
    except DatalakeError as error:
        findings.append(Finding("data", False, str(error)))
    return findings
