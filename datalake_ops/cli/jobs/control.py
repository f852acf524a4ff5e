"""`datalake-ops jobs`, `log` and `cancel`."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import islice
from typing import TYPE_CHECKING

from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.cli.jobs.start import add_waiting, describe, explain, wait_for
from datalake_ops.errors import ConfigurationError
from datalake_ops.terminal import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.jobs import Job

INTERRUPTED = 130
# Not imported: the wire loads pydantic, and the program starts without it.
_STATUSES = ("PENDING", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "KILLED")
_KINDS = ("IMPORT", "PROCESSING")


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    examples = ("jobs --status RUNNING QUEUED", "jobs --kind IMPORT --limit 5 --json")
    command = add_command(commands, "jobs", list_jobs, "List the organization's jobs, newest first", *examples)
    what = "jobs of one of these statuses"
    command.add_argument("--status", nargs="+", choices=_STATUSES, type=str.upper, metavar="STATUS", help=what)
    command.add_argument("--kind", choices=_KINDS, type=str.upper, help="imports, or processings")
    what = "jobs with this label; repeatable"
    command.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help=what)
    command.add_argument("--limit", type=int, default=50, metavar="N", help="at most N (%(default)s)")

    examples = (
        "log 0c5e6f7a-5f0e-4c38-9d37-0f7c0a3e3f11 --tail 20",
        "log 0c5e6f7a-5f0e-4c38-9d37-0f7c0a3e3f11 --follow",
    )
    what = "Print a job's log; with --follow until the job ends, and fail when it does"
    command = add_command(commands, "log", print_log, what, *examples)
    command.add_argument("job", metavar="JOB", help="id of the job")
    command.add_argument("-f", "--follow", action="store_true", help="print new lines until the job has ended")
    command.add_argument("--tail", type=int, metavar="N", help="begin with the last N lines, not with the first")

    command = add_command(
        commands,
        "cancel",
        cancel,
        "Stop jobs; one that ended stays as it is",
        "cancel 0c5e6f7a-5f0e-4c38-9d37-0f7c0a3e3f11 --wait",
    )
    command.add_argument("jobs", nargs="+", metavar="JOB", help="id of a job")
    command.add_argument("--wait", action="store_true", help="wait until they have ended")
    add_waiting(command)


def list_jobs(arguments: argparse.Namespace) -> int:
    """List jobs as a table or as JSON."""
    from datalake_ops.cli.key_values import named_texts

    if arguments.limit < 1:
        raise ConfigurationError(f"--limit cannot be {arguments.limit}: write a number of at least 1.")
    labels = named_texts("--label", arguments.label) or None
    with hook_from(arguments) as hook:
        found = list(islice(_matching(hook, arguments, labels), arguments.limit))
    if arguments.json:
        print_json([job.model_dump(mode="json") for job in found])
    else:
        print_table(("id", "kind", "status", "created", "counts", "reason"), map(_row, found))
    return 0


def print_log(arguments: argparse.Namespace) -> int:
    """Print a job's log, and with `--follow` what comes until the job has ended."""
    if arguments.tail is not None and arguments.tail < 1:
        raise ConfigurationError(f"--tail cannot be {arguments.tail}: write a number of at least 1.")
    with hook_from(arguments) as hook:
        if arguments.follow:
            return _follow(hook, arguments)
        lines = hook.job_log(arguments.job, arguments.tail)
        if not lines:
            # An empty log and a job that is not there look the same otherwise.
            hook.get_job(arguments.job)
        if arguments.json:
            print_json({"job_id": arguments.job, "lines": lines})
        else:
            for line in lines:
                print(line)
    return 0


def cancel(arguments: argparse.Namespace) -> int:
    """Stop jobs, and wait for their end with `--wait`."""
    from datalake_ops.arguments import identifiers

    stopped: list[Job] = []
    with hook_from(arguments) as hook:
        for job_id in identifiers("JOB", arguments.jobs) or []:
            job = hook.cancel_job(job_id)
            stopped.append(wait_for(hook, str(job.id), arguments) if arguments.wait else job)
            if not arguments.json:
                print(describe(stopped[-1]))
    if arguments.json:
        print_json([job.model_dump(mode="json") for job in stopped])
    return 0


def _follow(hook: DatalakeHook, arguments: argparse.Namespace) -> int:
    try:
        for line in hook.follow_job_log(arguments.job, arguments.tail):
            print(json.dumps({"line": line}, ensure_ascii=False) if arguments.json else line, flush=True)
    except KeyboardInterrupt:
        print(f"datalake-ops: The job goes on; `datalake-ops cancel {arguments.job}` stops it.", file=sys.stderr)
        return INTERRUPTED
    job = hook.get_job(arguments.job)
    if arguments.json:
        print(json.dumps({"job": job.model_dump(mode="json")}, ensure_ascii=False), flush=True)
    else:
        print(describe(job), file=sys.stderr)
    # Its last lines were printed.
    explain(hook, job, with_log=False)
    return 0 if job.status.succeeded else 1


def _matching(hook: DatalakeHook, arguments: argparse.Namespace, labels: dict[str, str] | None) -> Iterator[Job]:
    for job in hook.iter_jobs(labels=labels):
        kind = "IMPORT" if job.type == "IMPORT" else "PROCESSING"
        if arguments.kind in (None, kind) and (arguments.status is None or job.status in arguments.status):
            yield job


def _row(job: Job) -> tuple[str, ...]:
    created = f"{job.created_at:%Y-%m-%d %H:%M:%S}Z" if job.created_at else ""
    counts = ", ".join(f"{count} {name}" for name, count in (job.counts or {}).items())
    return str(job.id), job.type or "", str(job.status), created, counts, job.reason or ""
