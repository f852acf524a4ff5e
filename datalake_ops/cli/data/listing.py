"""`datalake-ops find`, `list` and `count`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.cli.data.choice import add_choice, filters_from
from datalake_ops.terminal import print_json, print_table

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.data import Data

_COUNTED = frozenset({"q", "tags", "intersect_tags", "custom_metadata"})


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    command = add_command(
        commands,
        "find",
        find_data,
        "Find the one data of a file name, an object name or an id; fails when there is none or there are several",
        "find bridge.jpg",
        "find --id 0c5e6f7a-5f0e-4c38-9d37-0f7c0a3e3f11 --json",
    )
    command.add_argument("filename", nargs="?", metavar="FILENAME", help="file name")
    command.add_argument("--object-name", metavar="NAME", help="object name")
    command.add_argument("--id", metavar="ID", help="id")

    examples = (
        "list --tag night --limit 10",
        "list -q 'width > 1000' --source camera-one --order-by -created_at --ids",
    )
    command = add_command(commands, "list", list_data, "List data", *examples)
    add_choice(command)
    form = command.add_mutually_exclusive_group()
    form.add_argument("--count", action="store_true", help="print only how many there are")
    form.add_argument("--ids", action="store_true", help="print only the ids, one a line")

    command = add_command(commands, "count", count_data, "Count data", "count", "count --tags night blurred --all-tags")
    add_choice(command)


def find_data(arguments: argparse.Namespace) -> int:
    """Find one data and print it."""
    with hook_from(arguments) as hook:
        found = hook.find_data(arguments.filename, arguments.object_name, arguments.id)
    if arguments.json:
        print_json(found.model_dump(mode="json"))
    else:
        print_data([found])
    return 0


def list_data(arguments: argparse.Namespace) -> int:
    """List data as a table, as ids, as JSON, or only count them."""
    filters = filters_from(arguments)
    with hook_from(arguments) as hook:
        if arguments.count:
            print(_count(hook, filters))
            return 0
        found = hook.iter_data(**filters)
        if arguments.ids:
            for data in found:
                print(data.id)
        elif arguments.json:
            print_json([data.model_dump(mode="json") for data in found])
        else:
            print_data(found)
    return 0


def count_data(arguments: argparse.Namespace) -> int:
    """Count data."""
    filters = filters_from(arguments)
    with hook_from(arguments) as hook:
        count = _count(hook, filters)
    if arguments.json:
        print_json({"count": count})
    else:
        print(count)
    return 0


def print_data(found: Any) -> None:
    """Print data as a table."""
    print_table(("id", "file", "size", "status", "tags"), (_row(data) for data in found))


def _count(hook: DatalakeHook, filters: dict[str, Any]) -> int:
    given = {name for name, value in filters.items() if value not in (None, False)}
    if given <= _COUNTED | {"order_by"}:
        return hook.count_data(**{name: filters[name] for name in _COUNTED})
    return sum(1 for _ in hook.iter_data(**filters))


def _row(data: Data) -> tuple[str, ...]:
    tags = ", ".join(sorted(tag.name for tag in data.tags or ()))
    measured = f"{data.width}x{data.height}" if data.meta else ""
    return str(data.id), data.filename, measured, str(data.upload_status), tags
