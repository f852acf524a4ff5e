"""`datalake-ops serve`: the embedded platform in the foreground."""

from __future__ import annotations

import argparse
import sys

from datalake_ops.cli.connection import Commands
from datalake_ops.platform.cli_options import add_serve_arguments, options_from


def add_commands(commands: Commands) -> None:
    """Add the command."""
    what = "Serve the embedded platform until stopped"
    command = commands.add_parser("serve", help=what, description=f"{what}.")
    add_serve_arguments(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped, or print in one line why that is impossible."""
    options = options_from(arguments)
    try:
        from datalake_ops.platform.server import CannotServeError, serve
    except ModuleNotFoundError as error:
        print(
            f"datalake-ops: The platform needs {error.name}; install datalake-ops with its extra `platform`.",
            file=sys.stderr,
        )
        return 2
    try:
        serve(options)
    except CannotServeError as error:
        print(f"datalake-ops: {error}", file=sys.stderr)
        return 1
    return 0
