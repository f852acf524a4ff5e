"""`datalake-ops upload`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.cli.data.choice import add_tags
from datalake_ops.cli.upload_bar import upload_bar
from datalake_ops.terminal import print_json, print_table, size
from datalake_ops.wire.media_types import passed_over_text

if TYPE_CHECKING:
    from datalake_ops.upload.progress import Progress
    from datalake_ops.upload.reporting.failure_policy import FailurePolicy
    from datalake_ops.upload.reporting.report import UploadReport

INTERRUPTED = 130
EXIF_WORDS = ("basic", "full")
# Failed files that are named on the terminal; the report names all.
_NAMED = 50


def add_commands(commands: Commands) -> None:
    """Add the command."""
    command = add_command(commands, "upload", upload, "Upload files, folders, patterns, addresses or manifests")
    command.set_defaults(misused=command.error)
    command.add_argument("paths", nargs="*", metavar="PATH", help="a file, a folder of images, a pattern, or a URL")
    command.add_argument("--manifest", action="append", default=[], metavar="FILE", help="JSONL, CSV or Parquet rows")
    command.add_argument(
        "--allow", action="append", default=[], metavar="ADDRESS", help="what manifests may reach besides; repeatable"
    )
    command.add_argument(
        "--include", action="append", metavar="PATTERN", help="in folders, take only files that match; repeatable"
    )
    command.add_argument(
        "--exclude", action="append", metavar="PATTERN", help="in folders, leave out files that match; repeatable"
    )
    command.add_argument(
        "--check", action="store_true", help="send nothing; list the files that would fail or be duplicates"
    )
    described = command.add_argument_group("metadata of the files")
    add_tags(described, "tags to put on every data")
    described.add_argument("--source", metavar="NAME", help="where the files come from")
    described.add_argument(
        "--exif",
        choices=EXIF_WORDS,
        help="read EXIF into the metadata (basic without a word); full has place, true moment and camera too",
    )
    described.add_argument("--upload-dir", metavar="PREFIX", help="prefix of the object names")
    _add_run_options(command)


def _add_run_options(command: argparse.ArgumentParser) -> None:
    run_options = command.add_argument_group("run")
    run_options.add_argument(
        "--if-exists",
        choices=("skip", "upload", "error"),
        default="skip",
        help="for files whose name and content the lake has already (%(default)s)",
    )
    run_options.add_argument(
        "--unsupported",
        choices=("fail", "skip", "convert"),
        default="fail",
        help="for files of a type that the platform does not read (%(default)s)",
    )
    run_options.add_argument("--journal", metavar="FILE", help="journal of each step, from which a killed run resumes")
    run_options.add_argument("--workers", type=int, metavar="N", help="upload at most N files at once")
    run_options.add_argument("--no-wait", action="store_true", help="do not wait until the platform has read the files")
    run_options.add_argument(
        "--max-failed", type=float, metavar="N", help="exit with 0 although up to N files, or a share below 1, failed"
    )
    run_options.add_argument("--report", metavar="FILE", help="write one row per file, as JSONL or (.parquet) Parquet")


def with_exif_word(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--exif` alone as `--exif=basic`, so that it does not swallow the path behind it."""
    pairs = zip_longest(arguments, arguments[1:])
    return ["--exif=basic" if word == "--exif" and after not in EXIF_WORDS else word for word, after in pairs]


def upload(arguments: argparse.Namespace) -> int:
    """Upload, print the files that failed, and fail when there are any."""
    from datalake_ops.upload.reporting.export import check_target
    from datalake_ops.upload.reporting.failure_policy import FailurePolicy

    source = _source(arguments)
    if arguments.check:
        return _check(source, arguments)
    # Wrong options are refused before hours of upload, not after them.
    tolerance = FailurePolicy("any", arguments.max_failed)
    if arguments.report:
        check_target(Path(arguments.report))
    last: list[Progress] = []
    try:
        with hook_from(arguments) as hook, upload_bar() as show:

            def on_progress(progress: Progress) -> None:
                last[:] = [progress]
                show(progress)

            done, link = hook.upload(source, on_progress=on_progress, **_options(arguments)), hook.datalake_url()
    except KeyboardInterrupt:
        print(_how_to_resume(arguments, last[0].done if last else 0), file=sys.stderr)
        return INTERRUPTED
    if arguments.json:
        print_json(done.summary())
    else:
        _print_report(done, link)
    saved = not arguments.report or _save(done, arguments.report)
    return _verdict(done, tolerance) if saved else 1


def _source(arguments: argparse.Namespace) -> list[Any]:
    from datalake_ops.upload.sources.manifest import Manifest

    source = [*arguments.paths, *(Manifest(path, allow=arguments.allow) for path in arguments.manifest)]
    if not source:
        arguments.misused("give a PATH or a --manifest")
    return source


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "tags": arguments.tags,
        "source": arguments.source,
        "max_workers": arguments.workers,
        "fill_metadata": "full" if arguments.exif == "full" else arguments.exif is not None,
        "upload_dir": arguments.upload_dir,
        "wait": not arguments.no_wait,
        "if_exists": arguments.if_exists,
        "unsupported": arguments.unsupported,
        "journal": arguments.journal,
        "include": arguments.include,
        "exclude": arguments.exclude or (),
    }


def _check(source: list[Any], arguments: argparse.Namespace) -> int:
    from datalake_ops.upload.preflight import check

    found = check(source, include=arguments.include, exclude=arguments.exclude or ())
    if arguments.json:
        rows = [{"path": path, "problem": problem, "detail": detail} for problem, path, detail in found.rows()]
        told = {"files": found.files, "bytes": found.bytes, "counts": found.counts(), "findings": rows}
        print_json({**told, "passed_over": dict(found.passed_over)})
    else:
        if not found:
            print_table(("problem", "file", "detail"), found.rows())
        counts = ", ".join(f"{count} {problem}" for problem, count in found.counts().items() if count)
        if found.passed_over:
            print(f"passed over by the ending of their names: {passed_over_text(found.passed_over)}")
        print(f"{found.files} files, {size(found.bytes)}: {counts or 'no problem found'}; nothing was sent")
    return 0 if found else 1


def _save(done: UploadReport, path: str) -> bool:
    try:
        done.save(path)
    except OSError as error:
        print(f"The report {path} could not be written: {error}", file=sys.stderr)
        return False
    return True


def _verdict(done: UploadReport, tolerance: FailurePolicy) -> int:
    from datalake_ops.errors import IncompleteUploadError, NothingDoneError

    try:
        tolerance.check(done)
    except (IncompleteUploadError, NothingDoneError):
        return 1
    return 0


def _how_to_resume(arguments: argparse.Namespace, done: int) -> str:
    ended = f"Stopped; {done} files are done."
    if arguments.journal:
        return f"{ended} Run the same command again to go on: {arguments.journal} knows how far each file came."
    if arguments.if_exists == "skip":
        return f"{ended} Run the same command again to go on: what is in the lake is skipped."
    return f"{ended} To upload only the rest, run it again with --if-exists skip; a --journal FILE also resumes parts."


def _print_report(done: UploadReport, link: str) -> None:
    from datalake_ops.upload.reporting.rows import named_error
    from datalake_ops.upload.reporting.summary_text import upload_text

    named = [named_error(row.path, row.error) for row in islice(done.failures(), _NAMED)]
    if named:
        which = "" if done.failed_count == 1 else ", the first"
        print(f"{done.failed_count} of {len(done.files)} files were not uploaded{which}: {named[0]}")
    for line in named[1:]:
        print(line)
    if done.failed_count > _NAMED:
        print(f"... and {done.failed_count - _NAMED} more; --report FILE names all.")
    for note in done.notes:
        print(note)
    print(upload_text(done, link))
