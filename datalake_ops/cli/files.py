"""`datalake-ops list`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.terminal import print_json, print_table

if TYPE_CHECKING:
    from datalake_ops.wire.data import Data


def add_commands(commands: Commands) -> None:
    """Add the command."""
    command = add_command(commands, "list", list_data, "List data")
    add_filters(command)
    command.add_argument("--order-by", action="append", metavar="FIELD", help="-FIELD for descending; repeatable")
    command.add_argument("--limit", type=int, metavar="N", help="at most N")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--count", action="store_true", help="print only how many there are")
    form.add_argument("--ids", action="store_true", help="print only the ids, one a line")


def add_tags(command: argparse._ActionsContainer, meaning: str) -> None:
    """Add the two spellings of tags: many at once, or one at a time."""
    command.add_argument("--tags", nargs="+", action="extend", metavar="NAME", help=meaning)
    command.add_argument("--tag", action="append", dest="tags", metavar="NAME", help="one tag; repeatable")


def add_filters(command: argparse.ArgumentParser) -> None:
    """Add the arguments that choose data."""
    add_tags(command, "data with one of these tags")
    command.add_argument("--all-tags", action="store_true", help="data must have every tag, not only one of them")
    command.add_argument(
        "-q", "--query", metavar="TEXT", help='query language, like width > 1000 and tags.name = "car"'
    )


def filters_from(arguments: argparse.Namespace) -> dict[str, Any]:
    """The filters as `list_data` and `count_data` take them."""
    return {"tags": arguments.tags, "intersect_tags": arguments.all_tags, "q": arguments.query}


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
            print_json([data.model_dump(mode="json") for data in found])
        else:
            print_table(("id", "file", "size", "status", "tags"), (_row(data) for data in found))
    return 0


def _row(data: Data) -> tuple[str, ...]:
    tags = ", ".join(sorted(tag.name for tag in data.tags or ()))
    measured = f"{data.width}x{data.height}" if data.meta else ""
    return str(data.id), data.filename, measured, str(data.upload_status), tags
