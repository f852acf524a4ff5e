"""`datalake-ops import`, `launch` and `wait`: start the platform's jobs and wait for them."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from datalake_ops.arguments import positive_seconds
from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.cli.data.choice import add_choice, add_tags, chosen_data, required_filters
from datalake_ops.cli.key_values import named_texts, named_values
from datalake_ops.errors import ArgumentError, ConfigurationError, JobFailedError, JobKilledError
from datalake_ops.terminal import live_line, print_json

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.jobs import Job


def add_commands(commands: Commands) -> None:
    """Add the three commands."""
    examples = ("import night/ --tag imported --wait", "import --everything --exif full --key nightly-2030-01-31")
    command = add_command(commands, "import", import_objects, "Import objects that lie in the lake's bucket", *examples)
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
    add_waiting(command, "--wait")

    examples = (
        "launch quality-tagging --tag imported --param blur_threshold=60 --wait",
        "launch detect --everything --input model_version_id=0c5e6f7a-5f0e-4c38-9d37-0f7c0a3e3f11",
    )
    command = add_command(commands, "launch", launch, "Launch a processing on data", *examples)
    command.add_argument("processing", help="name or id")
    add_choice(command)
    what = "parameter; the value is JSON or plain text; repeatable"
    command.add_argument("--param", action="append", metavar="NAME=VALUE", help=what)
    what = "value of an input that the processing declares, read by its type; repeatable"
    command.add_argument("--input", action="append", metavar="NAME=VALUE", help=what)
    command.add_argument("--cpu", type=int)
    command.add_argument("--gpu", type=int)
    add_waiting(command, "--wait")

    command = add_command(
        commands,
        "wait",
        wait,
        "Wait for jobs; fails when one of them does",
        "wait 0c5e6f7a-5f0e-4c38-9d37-0f7c0a3e3f11 --timeout 600",
    )
    command.add_argument("jobs", nargs="+", metavar="JOB", help="id of a job")
    add_waiting(command)


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
    parameters = named_values("--param", arguments.param)
    inputs = named_texts("--input", arguments.input)
    filters = required_filters(arguments)
    with hook_from(arguments) as hook:
        processing = hook.get_processing(arguments.processing)
        values = hook.read_inputs(processing, inputs) if inputs else None
        job = hook.launch_processing(
            processing,
            chosen_data(hook, filters),
            parameters or None,
            arguments.cpu,
            arguments.gpu,
            values,
            idempotency_key=arguments.key,
        )
        return _follow(hook, job, arguments)


def wait(arguments: argparse.Namespace) -> int:
    """Wait for each job in turn, print how each ended, and fail when one did not succeed."""
    ended: list[Job] = []
    with hook_from(arguments) as hook:
        for job_id in arguments.jobs:
            ended.append(wait_for(hook, job_id, arguments))
            if not arguments.json:
                print(describe(ended[-1]))
        if arguments.json:
            print_json([job.model_dump(mode="json") for job in ended])
        for job in ended:
            explain(hook, job)
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


def add_waiting(command: argparse.ArgumentParser, switch: str | None = None) -> None:
    """Add the arguments of a wait, and with a switch those of a command that starts a job."""
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
        job = wait_for(hook, str(job.id), arguments)
    if arguments.json:
        print_json(job.model_dump(mode="json"))
    else:
        print(describe(job))
    if arguments.wait:
        explain(hook, job)
    return 0 if job.status.succeeded or not arguments.wait else 1


def wait_for(hook: DatalakeHook, job_id: str, arguments: argparse.Namespace) -> Job:
    """Wait for a job, and show its status meanwhile; it is returned whatever its end."""
    with live_line() as show:
        return hook.wait_for_job(
            job_id,
            arguments.timeout,
            arguments.poll_interval,
            on_poll=lambda job: show(f"job {job.id} is {job.status}"),
            raise_on_failure=False,
        )


def explain(hook: DatalakeHook, job: Job, with_log: bool = True) -> None:
    """Print on standard error why a job did not succeed, with the last lines of its log, or the shortfall."""
    from datalake_ops.waiting.job_outcome import shortfall

    if job.status.succeeded and (lacking := shortfall(job.counts)):
        print(f"datalake-ops: the job succeeded in part: {lacking}; see {hook.job_url(job)}", file=sys.stderr)
    if not with_log:
        if job.status.is_terminal and not job.status.succeeded:
            print(f"datalake-ops: the job is {job.status}: {job.reason or 'no reason was given'}", file=sys.stderr)
        return
    try:
        hook.check_job(job)
    except (JobFailedError, JobKilledError) as error:
        print(f"datalake-ops: {error}", file=sys.stderr)
