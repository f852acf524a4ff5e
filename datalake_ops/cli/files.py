"""`datalake-ops upload` and `list`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.terminal import end_progress, print_json, print_table, show_progress, size

if TYPE_CHECKING:
    from datalake_ops.upload.progress import Progress
    from datalake_ops.upload.report import UploadReport
    from datalake_ops.wire.data import Data


def add_commands(commands: Commands) -> None:
    """Add both commands."""
    command = add_command(commands, "upload", upload, "Upload files, folders or patterns")
    command.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder of images, or a pattern")
    command.add_argument("--tag", action="append", metavar="NAME", help="tag to put on every data; repeatable")
    command.add_argument("--source", metavar="NAME", help="where the files come from")
    command.add_argument("--exif", action="store_true", help="read EXIF into the metadata")
    command.add_argument("--upload-dir", metavar="PREFIX", help="prefix of the object names")
    command.add_argument("--workers", type=int, metavar="N", help="how many files travel at once")
    command.add_argument("--no-wait", action="store_true", help="do not wait until the platform has read the files")
    command.add_argument("--report", metavar="FILE", help="write one JSON line per file")

    command = add_command(commands, "list", list_data, "List data")
    add_filters(command)
    command.add_argument("--order-by", action="append", metavar="FIELD", help="-FIELD for descending; repeatable")
    command.add_argument("--limit", type=int, metavar="N", help="at most N")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--count", action="store_true", help="print only how many there are")
    form.add_argument("--ids", action="store_true", help="print only the ids, one a line")


def add_filters(command: argparse.ArgumentParser) -> None:
    """Add the arguments that choose data."""
    command.add_argument("--tag", action="append", metavar="NAME", help="data with this tag; repeatable")
    command.add_argument("--all-tags", action="store_true", help="data must have every tag, not only one of them")
    command.add_argument(
        "-q", "--query", metavar="TEXT", help='query language, like width > 1000 and tags.name = "car"'
    )


def filters_from(arguments: argparse.Namespace) -> dict[str, Any]:
    """The filters as `list_data` and `count_data` take them."""
    return {"tags": arguments.tag, "intersect_tags": arguments.all_tags, "q": arguments.query}


def upload(arguments: argparse.Namespace) -> int:
    """Upload, show what failed, and fail when anything did."""
    from datalake_ops.upload.folder import files_of

    with hook_from(arguments) as hook:
        done = hook.upload(
            files_of(arguments.paths),
            arguments.tag,
            arguments.source,
            max_workers=arguments.workers,
            fill_metadata=arguments.exif,
            upload_dir=arguments.upload_dir,
            wait=not arguments.no_wait,
            on_progress=_show,
        )
    end_progress()
    if arguments.report:
        done.save(arguments.report)
    if arguments.json:
        print_json(done.summary())
    else:
        _print_report(done)
    return 1 if done.failed else 0


def list_data(arguments: argparse.Namespace) -> int:
    """List data as a table, as ids, as JSON, or only count them."""
    filters = filters_from(arguments)
    with hook_from(arguments) as hook:
        if arguments.count:
            print(hook.count_data(**filters))
            return 0
        found = hook.iter_data(limit=arguments.limit, order_by=arguments.order_by, **filters)
        if arguments.ids:
            for data in found:
                print(data.id)
        elif arguments.json:
            print_json([data.model_dump(mode="json", exclude={"presigned_url"}) for data in found])
        else:
            print_table(("id", "file", "size", "status", "tags"), (_row(data) for data in found))
    return 0


def _row(data: Data) -> tuple[str, ...]:
    tags = ", ".join(sorted(tag.name for tag in data.tags or ()))
    measured = f"{data.width}x{data.height}" if data.meta else ""
    return str(data.id), data.filename, measured, str(data.upload_status), tags


def _show(progress: Progress) -> None:
    failed = f", {progress.failed} failed" if progress.failed else ""
    show_progress(f"{progress.done} of {progress.total} files, {size(progress.bytes)}{failed}")


def _print_report(done: UploadReport) -> None:
    for row in done.failed:
        print(f"{row.path}: {row.error}")
    counts = ", ".join(f"{count} {status.lower()}" for status, count in done.counts().items() if count)
    print(f"{counts or 'nothing to upload'}; {size(done.bytes)} in {done.seconds:.1f} s")
