"""`datalake-ops import`, `launch` and `wait`: start the platform's jobs and wait for them."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from datalake_ops.arguments import positive_seconds
from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.cli.files import add_filters, add_tags, filters_from
from datalake_ops.errors import ArgumentError, ConfigurationError, JobFailedError, JobKilledError
from datalake_ops.terminal import live_line, print_json

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.jobs import Job


def add_commands(commands: Commands) -> None:
    """Add the three commands."""
    command = add_command(commands, "import", import_objects, "Import objects that lie in the lake's bucket")
    command.add_argument("prefixes", nargs="*", metavar="PREFIX", help="beginning of object names")
    command.add_argument("--everything", action="store_true", help="import the whole bucket")
    add_tags(command, "tags to put on every data")
    command.add_argument("--source", metavar="NAME", help="where the objects come from")
    command.add_argument(
        "--exif",
        choices=("basic", "full"),
        default="basic",
        help="EXIF that the platform reads into the metadata; full has place, true moment and camera (%(default)s)",
    )
    command.add_argument(
        "--on-changed",
        choices=("skip", "update", "new"),
        default="skip",
        help="for objects overwritten since their import: skip them, update their data, or add new data (%(default)s)",
    )
    _add_waiting(command, "--wait")

    command = add_command(commands, "launch", launch, "Launch a processing on data")
    command.add_argument("processing", help="name or id")
    add_filters(command)
    command.add_argument("--id", action="append", metavar="ID", help="this data; repeatable")
    command.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="parameter; the value is JSON or plain text"
    )
    command.add_argument("--cpu", type=int)
    command.add_argument("--gpu", type=int)
    _add_waiting(command, "--wait")

    command = add_command(commands, "wait", wait, "Wait for jobs; fails when one of them does")
    command.add_argument("jobs", nargs="+", metavar="JOB", help="id of a job")
    _add_waiting(command)


def import_objects(arguments: argparse.Namespace) -> int:
    """Start an import, and wait for it with `--wait`."""
    prefixes = _prefixes(arguments)
    with hook_from(arguments) as hook:
        job = hook.import_bucket_objects(
            prefixes,
            arguments.tags,
            arguments.source,
            fill_metadata="full" if arguments.exif == "full" else True,
            on_changed=arguments.on_changed,
            idempotency_key=arguments.key,
        )
        return _follow(hook, job, arguments)


def _prefixes(arguments: argparse.Namespace) -> list[str]:
    # A variable of a shell that is not set must not be the whole bucket.
    if not arguments.everything and any(not prefix.strip() for prefix in arguments.prefixes):
        raise ConfigurationError("A PREFIX is blank; --everything imports the whole bucket.")
    if bool(arguments.prefixes) == arguments.everything:
        raise ConfigurationError("Give a PREFIX or several, or --everything.")
    return arguments.prefixes or [""]


def launch(arguments: argparse.Namespace) -> int:
    """Launch a processing on the chosen data, and wait for it with `--wait`."""
    parameters = dict(map(_parameter, arguments.param))
    if not (arguments.id or arguments.tags or arguments.query):
        raise ConfigurationError("Choose the data with --tags, --query or --id.")
    if arguments.id and (arguments.tags or arguments.query):
        raise ConfigurationError("Choose the data by --id, or by --tags and --query, not by both.")
    with hook_from(arguments) as hook:
        job = hook.launch_processing(
            arguments.processing,
            arguments.id or hook.list_data(**filters_from(arguments)),
            parameters or None,
            arguments.cpu,
            arguments.gpu,
            idempotency_key=arguments.key,
        )
        return _follow(hook, job, arguments)


def wait(arguments: argparse.Namespace) -> int:
    """Wait for each job in turn, print how each ended, and fail when one did not succeed."""
    ended: list[Job] = []
    with hook_from(arguments) as hook:
        for job_id in arguments.jobs:
            ended.append(_wait_for(hook, job_id, arguments))
            if not arguments.json:
                print(describe(ended[-1]))
        if arguments.json:
            print_json([job.model_dump(mode="json") for job in ended])
        for job in ended:
            _explain(hook, job)
    return 0 if all(job.status.succeeded for job in ended) else 1


def describe(job: Job) -> str:
    """A job in one line: id, status, duration, counts, reason."""
    words = [str(job.id), str(job.status)]
    if job.started_at and job.finished_at:
        words.append(f"{(job.finished_at - job.started_at).total_seconds():.1f} s")
    if job.counts:
        words.append(", ".join(f"{count} {name}" for name, count in job.counts.items()))
    if job.reason:
        words.append(job.reason)
    return "  ".join(words)


def _add_waiting(command: argparse.ArgumentParser, switch: str | None = None) -> None:
    if switch:
        command.add_argument(switch, action="store_true", help="wait for the job, and fail when it does")
        command.add_argument("--key", metavar="TEXT", help="idempotency key: the same key never starts a second job")
    command.add_argument("--timeout", type=_seconds, default=3600.0, metavar="S", help="seconds to wait (%(default)g)")
    command.add_argument("--poll-interval", type=_seconds, metavar="S", help="seconds between polls (grows from 0.25)")


def _seconds(text: str) -> float:
    """Seconds of a wait, checked before a job starts."""
    try:
        return positive_seconds("a wait", text) or 0.0
    except ArgumentError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _follow(hook: DatalakeHook, job: Job, arguments: argparse.Namespace) -> int:
    if arguments.wait:
        job = _wait_for(hook, str(job.id), arguments)
    if arguments.json:
        print_json(job.model_dump(mode="json"))
    else:
        print(describe(job))
    if arguments.wait:
        _explain(hook, job)
    return 0 if job.status.succeeded or not arguments.wait else 1


def _wait_for(hook: DatalakeHook, job_id: str, arguments: argparse.Namespace) -> Job:
    with live_line() as show:
        return hook.wait_for_job(
            job_id,
            arguments.timeout,
            arguments.poll_interval,
            on_poll=lambda job: show(f"job {job.id} is {job.status}"),
            raise_on_failure=False,
        )


def _explain(hook: DatalakeHook, job: Job) -> None:
    """Print on standard error why a job did not succeed, with the last lines of its log, or what it left out."""
    from datalake_ops.waiting.job_outcome import shortfall

    if job.status.succeeded and (lacking := shortfall(job.counts)):
        print(f"datalake-ops: the job succeeded in part: {lacking}; see {hook.job_url(job)}", file=sys.stderr)
    try:
        hook.check_job(job)
    except (JobFailedError, JobKilledError) as error:
        print(f"datalake-ops: {error}", file=sys.stderr)


def _parameter(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise ConfigurationError(f"--param {text!r} is not NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
