"""`datalake-ops tag`, `untag`, `tags` and `sources`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from datalake_ops.arguments import is_empty, refusal
from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.cli.data.choice import add_choice, chosen_data, required_filters
from datalake_ops.terminal import print_json, print_table

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    examples = ("tag reviewed --tags night blurred --all-tags", "tag night rain --source camera-one")
    _add_tagging(commands, "tag", tag, "Put tags on data; missing tags are made", examples)
    examples = ("untag blurred -q 'width > 4000'", "untag draft --everything")
    _add_tagging(commands, "untag", untag, "Take tags off data", examples)
    _add_listing(commands, "tags", list_tags, "List the lake's tags")
    _add_listing(commands, "sources", list_sources, "List the organization's data sources")


def tag(arguments: argparse.Namespace) -> int:
    """Put tags on the chosen data."""
    return _change(arguments, lambda hook, data: hook.add_tags(data, arguments.names), "Tagged")


def untag(arguments: argparse.Namespace) -> int:
    """Take tags off the chosen data."""
    return _change(arguments, lambda hook, data: hook.remove_tags(data, arguments.names), "Untagged")


def list_tags(arguments: argparse.Namespace) -> int:
    """List tags."""
    with hook_from(arguments) as hook:
        return _print_named(arguments, hook.list_data_tags(arguments.limit, arguments.offset, arguments.order_by))


def list_sources(arguments: argparse.Namespace) -> int:
    """List data sources."""
    with hook_from(arguments) as hook:
        return _print_named(arguments, hook.list_data_sources(arguments.limit, arguments.offset, arguments.order_by))


def add_window(command: argparse.ArgumentParser) -> None:
    """Add the arguments of a window in a list of tags, sources or processings."""
    command.add_argument("--limit", type=int, metavar="N", help="at most N")
    command.add_argument("--offset", type=int, metavar="N", help="pass over the first N")
    what = "order, -FIELD for descending; repeatable"
    command.add_argument("--order-by", action="append", metavar="FIELD", help=what)


def _add_tagging(
    commands: Commands, name: str, run: Callable[[Any], int], what: str, examples: Sequence[str]
) -> argparse.ArgumentParser:
    command = add_command(commands, name, run, what, *examples)
    command.add_argument("names", nargs="+", metavar="NAME", help="names of the tags, before the choice of data")
    add_choice(command)
    return command


def _add_listing(commands: Commands, name: str, run: Callable[[Any], int], what: str) -> None:
    add_window(add_command(commands, name, run, what, f"{name} --order-by name --json"))


def _change(arguments: argparse.Namespace, change: Callable[[DatalakeHook, Any], int], verb: str) -> int:
    filters = required_filters(arguments)
    if any(is_empty(name) for name in arguments.names):
        raise refusal("NAME", arguments.names, "one of its names is blank.")
    with hook_from(arguments) as hook:
        count = change(hook, chosen_data(hook, filters))
    if arguments.json:
        print_json({"data": count, "tags": arguments.names})
    else:
        print(f"{verb} {count:,} data: {', '.join(arguments.names)}")
    return 0


def _print_named(arguments: argparse.Namespace, found: Sequence[Any]) -> int:
    if arguments.json:
        print_json([{"id": one.id, "name": one.name} for one in found])
    else:
        print_table(("id", "name"), ((one.id, one.name) for one in found))
    return 0
