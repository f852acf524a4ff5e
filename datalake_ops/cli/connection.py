"""Command-line arguments of a connection, and the hook made from them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

Commands = Any  # argparse's own type for this is private.


def add_command(
    commands: Commands, name: str, run: Callable[[Any], int], help: str, *examples: str
) -> argparse.ArgumentParser:
    """Add a command that calls a platform; examples are shown at the end of its help, without the program's name."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=f"{help}.",
        epilog="\n".join(["examples:", *(f"  datalake-ops {example}" for example in examples)]) if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    where = command.add_argument_group("connection")
    where.add_argument("--host", help="address of the platform (DATALAKE_HOST)")
    where.add_argument("--token", help="API token (DATALAKE_API_TOKEN, which other users cannot see in `ps`)")
    where.add_argument("--organization", metavar="NAME_OR_ID", help="organization (the token's default)")
    where.add_argument("--lake", metavar="NAME_OR_ID", help="lake (the organization's default)")
    command.add_argument("--json", action="store_true", help="print JSON on standard output")
    return command


def hook_from(arguments: argparse.Namespace, **options: Any) -> DatalakeHook:
    """Make a hook for the lake that the command line and the environment name; `options` are its further arguments.

    Raises:
        ConfigurationError: no token is given, or the address cannot be right.
    """
    from datalake_ops.hook import DatalakeHook

    given = {"host": arguments.host, "api_token": arguments.token}
    overrides = {**options, **{name: value for name, value in given.items() if value}}
    overrides |= _name_or_id("organization", arguments.organization)
    overrides |= _name_or_id("datalake", arguments.lake)
    return DatalakeHook.from_env(**overrides)


def _name_or_id(what: str, value: str | None) -> dict[str, str | None]:
    if not value:
        return {}
    # The other of the two may come from the environment, where an id would win over the name given here.
    try:
        return {f"{what}_id": str(UUID(value)), f"{what}_name": None}
    except ValueError:
        return {f"{what}_id": None, f"{what}_name": value}
