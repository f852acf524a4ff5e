"""`datalake-ops download`, `project` and `projections`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.cli.data.choice import add_choice, chosen_data, filters_from, required_filters
from datalake_ops.cli.key_values import named_texts
from datalake_ops.errors import DownloadError
from datalake_ops.terminal import print_json, print_table

if TYPE_CHECKING:
    from datalake_ops.wire.data import Data, DataProjection


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    what = "Download data into a folder; files that are whole already stay, and one that was cut goes on"
    examples = ("download photos --tag night", "download photos --everything --use-id --json")
    command = add_command(commands, "download", download, what, *examples)
    command.add_argument("folder", metavar="FOLDER", type=Path, help="where the files go; made when missing")
    command.add_argument("--use-id", action="store_true", help="name the files by id instead of by file name")
    command.add_argument("--force-replace", action="store_true", help="fetch every file again, in place of one there")
    command.add_argument("--workers", type=int, metavar="N", help="download at most N files at once")
    add_choice(command)

    what = "Add pictures as projections of data"
    command = add_command(commands, "project", project, what, "project mask 0c5e6f7a-5f0e-4c38-9d37-0f7c0a3e3f11=m.png")
    command.add_argument("name", metavar="NAME", help="what the rendering is, such as mask")
    command.add_argument("pictures", nargs="+", metavar="ID=FILE", help="a data and its picture")
    command.add_argument("--if-exists", choices=("upload", "skip"), default="skip", help="(%(default)s)")

    command = add_command(
        commands, "projections", list_projections, "List the projections of data", "projections --filename bridge.jpg"
    )
    add_choice(command)


def download(arguments: argparse.Namespace) -> int:
    """Download the chosen data, print a row for each file, and fail when there are files that were not downloaded."""
    filters = required_filters(arguments)
    with hook_from(arguments) as hook:
        data = chosen_data(hook, filters)
        options = {name: getattr(arguments, name) for name in ("use_id", "force_replace")}
        try:
            found = hook.download(data, arguments.folder, max_workers=arguments.workers, **options)
            paths, failures = {one.id: path for one, path in zip(data, found, strict=True)}, {}
        except DownloadError as error:
            if not error.failures:
                raise
            paths, failures = error.paths, error.failures
    rows = [_file_row(one, paths.get(one.id), failures.get(one.id)) for one in data]
    _print_rows(arguments, ("status", "path", "id", "error"), rows)
    return 1 if failures else 0


def project(arguments: argparse.Namespace) -> int:
    """Upload projections, print a row for each, and fail when one was not uploaded."""
    pictures = named_texts("ID=FILE", arguments.pictures) or {}
    with hook_from(arguments) as hook:
        reports = hook.create_projections(
            pictures.items(), arguments.name, if_exists=arguments.if_exists, on_progress=lambda progress: None
        )
    rows = [
        {
            "data_id": report.data_id,
            "path": report.path,
            "status": "FAILED" if report.error else "SKIPPED" if report.skipped else "UPLOADED",
            "projection_id": report.projection.id if report.projection else None,
            "error": str(report.error) if report.error else None,
        }
        for report in reports
    ]
    _print_rows(arguments, ("status", "path", "data_id", "projection_id", "error"), rows)
    return 1 if any(report.error for report in reports) else 0


def list_projections(arguments: argparse.Namespace) -> int:
    """List the projections of the chosen data."""
    filters = filters_from(arguments)
    with hook_from(arguments) as hook:
        rows = [_projection_row(data, one) for data in hook.iter_data(**filters) for one in hook.list_projections(data)]
    _print_rows(arguments, ("id", "name", "status", "data_id"), rows)
    return 0


def _projection_row(data: Data, one: DataProjection) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "status": one.compute_status, "data_id": data.id, "infos": one.infos}


def _file_row(data: Data, path: Path | None, failure: Exception | None) -> dict[str, Any]:
    return {
        "id": data.id,
        "filename": data.filename,
        "status": "FAILED" if failure else "DONE",
        "path": None if path is None else str(path),
        "error": None if failure is None else str(failure),
    }


def _print_rows(arguments: argparse.Namespace, names: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    if arguments.json:
        print_json(rows)
    else:
        print_table(names, (["" if row[name] is None else row[name] for name in names] for row in rows))
