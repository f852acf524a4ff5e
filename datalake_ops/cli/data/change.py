"""`datalake-ops update` and `delete`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from datalake_ops.arguments import is_empty, refusal
from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.cli.data.choice import add_choice, chosen_data, required_filters
from datalake_ops.cli.key_values import named_values
from datalake_ops.errors import ConfigurationError
from datalake_ops.terminal import print_json


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    examples = (
        "update --filename bridge.jpg --set-metadata brand=leica",
        "update --tag night --set-custom-metadata lamp=true --set-source camera-two --add-tag checked",
    )
    command = add_command(commands, "update", update_data, "Change metadata, source and tags of data", *examples)
    changes = command.add_argument_group("changes")
    value = "the value is JSON or plain text; repeatable"
    changes.add_argument("--set-metadata", action="append", metavar="KEY=VALUE", help=f"set metadata; {value}")
    what = f"set custom metadata; {value}"
    changes.add_argument("--set-custom-metadata", action="append", metavar="KEY=VALUE", help=what)
    changes.add_argument("--set-source", metavar="NAME", help="source of the data, made when missing")
    changes.add_argument("--add-tag", action="append", metavar="NAME", help="tag to put on, made when missing")
    what = "drop the keys of metadata that are not set here, with those of uploads; without it they stay"
    changes.add_argument("--replace", action="store_true", help=what)
    add_choice(command)

    what = "Delete data and all that was made from them"
    command = add_command(commands, "delete", delete_data, what, "delete --tag rejected --yes")
    command.add_argument("--yes", action="store_true", help="do not ask")
    add_choice(command)


def update_data(arguments: argparse.Namespace) -> int:
    """Change the chosen data."""
    change, filters = _change(arguments), required_filters(arguments)
    with hook_from(arguments) as hook:
        ids = [data.id for data in chosen_data(hook, filters)]
        count = hook.update_multiple_data(dict.fromkeys(ids, change), merge=not arguments.replace)
    return _print_count(arguments, count, "Updated")


def delete_data(arguments: argparse.Namespace) -> int:
    """Delete the chosen data, once that was confirmed."""
    filters = required_filters(arguments)
    with hook_from(arguments) as hook:
        ids = [data.id for data in chosen_data(hook, filters)]
        if not arguments.yes:
            _confirm(f"Delete {len(ids):,} data of the lake {hook.context.datalake.name!r}?")
        count = hook.delete_data(ids)
    return _print_count(arguments, count, "Deleted")


def _change(arguments: argparse.Namespace) -> dict[str, Any]:
    change = {
        "metadata": named_values("--set-metadata", arguments.set_metadata),
        "custom_metadata": named_values("--set-custom-metadata", arguments.set_custom_metadata),
        "data_source": arguments.set_source,
        "tags": arguments.add_tag,
    }
    given = {name: value for name, value in change.items() if value is not None}
    if not given:
        options = "--set-metadata, --set-custom-metadata, --set-source or --add-tag"
        raise ConfigurationError(f"Say what to change: {options}.")
    for name, value in given.items():
        if is_empty(value):
            raise refusal(name, value, "it is empty.")
    return given


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{question} Nobody can be asked here; --yes confirms.")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigurationError("Nothing was deleted.")


def _print_count(arguments: argparse.Namespace, count: int, verb: str) -> int:
    if arguments.json:
        print_json({"data": count})
    else:
        print(f"{verb} {count:,} data")
    return 0
