"""`datalake-ops admin`: tokens, organizations, backups and snapshots of an embedded platform's home."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalake_ops.cli.connection import Commands
from datalake_ops.platform.cli_options import DEFAULT_HOME
from datalake_ops.terminal import print_json, print_table, size

if TYPE_CHECKING:
    from datalake_ops.platform.administration.backup import Backup

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def add_commands(commands: Commands) -> None:
    """Add the command with its own commands."""
    what = "Administer an embedded platform's home, also while it is served"
    admin = commands.add_parser("admin", help=what, description=f"{what}.")
    inner = admin.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_token_commands(_group(inner, "token", "Create, list and revoke API tokens"))
    _add_organization_commands(_group(inner, "organization", "Create and list organizations"))
    _add_program_commands(_group(inner, "program", "Set, list and remove the programs that run in place of images"))
    _add_state_commands(inner)


def _add_token_commands(commands: Commands) -> None:
    create = _command(commands, "create", create_token, "Create a token, and print it this only time")
    create.add_argument("--organization", metavar="NAME", help="organization of the token (the first one)")
    create.add_argument("--name", help="name to list it by")
    create.add_argument("--expires", type=_moment, metavar="WHEN", help="90d, 12h, 30m, or a date as 2030-01-31")
    create.add_argument("--admin", action="store_true", help="allow the admin routes")
    _command(commands, "list", list_tokens, "List tokens, with expiry and last use")
    revoke = _command(commands, "revoke", revoke_token, "Revoke a token; a server heeds it within a second")
    revoke.add_argument("id", help="id from the list, or its first digits")


def _add_organization_commands(commands: Commands) -> None:
    create = _command(commands, "create", create_organization, "Create an organization with a lake and a token")
    create.add_argument("name")
    _command(commands, "list", list_organizations, "List organizations")


def _add_program_commands(commands: Commands) -> None:
    set_one = _command(
        commands, "set", set_program, "Set the command of an image; a server heeds it at the next launch"
    )
    set_one.add_argument("image", metavar="IMAGE[:TAG]")
    set_one.add_argument("command", metavar="COMMAND", help="command line, quoted as one word")
    _command(commands, "list", list_programs, "List images and their commands")
    _command(commands, "remove", remove_program, "Remove the command of an image").add_argument("image")


def _add_state_commands(commands: Commands) -> None:
    _command(commands, "console", console, "Print an address that opens the console signed in, once")
    what = "Copy the home to a new folder, consistent while it is served"
    _command(commands, "backup", back_up, what).add_argument("folder", type=Path)
    what = "Make the home, a new folder, from a backup"
    _command(commands, "restore", restore, what).add_argument("folder", type=Path, help="folder of the backup")
    what = "Keep the state of the home under a name, or list the names"
    _command(commands, "snapshot", snapshot, what).add_argument("name", nargs="?")
    what = "Delete all data, tags, sources and jobs, or put a snapshot back; buckets, tokens and lakes stay"
    command = _command(commands, "reset", reset, what)
    command.add_argument("--to", metavar="NAME", help="snapshot to put back, with its tokens and lakes")
    command.add_argument("--yes", action="store_true", required=True, help="confirm that what is there is lost")


def create_token(arguments: argparse.Namespace) -> None:
    """Create a token and print it."""
    from datalake_ops.platform.administration import tokens
    from datalake_ops.platform.administration.home import open_database

    request = tokens.TokenRequest(arguments.organization, arguments.name, arguments.expires, arguments.admin)
    with open_database(arguments.home) as database:
        token_id, token = database.write_sync(lambda connection: tokens.create_token(connection, request))
    _print(arguments, {"id": token_id, "token": token}, f"{token}\n(id {token_id}; shown only this once)")


def list_tokens(arguments: argparse.Namespace) -> None:
    """Print the tokens."""
    from datalake_ops.platform.administration import tokens
    from datalake_ops.platform.administration.home import open_database

    with open_database(arguments.home) as database:
        found = database.read_sync(tokens.list_tokens)
    _print_rows(arguments, ("id", "name", "organization", "role", "created_at", "expires_at", "last_used_at"), found)


def revoke_token(arguments: argparse.Namespace) -> None:
    """Revoke a token."""
    from datalake_ops.platform.administration import tokens
    from datalake_ops.platform.administration.home import open_database

    with open_database(arguments.home) as database:
        revoked = database.write_sync(lambda connection: tokens.revoke_token(connection, arguments.id))
    _print(arguments, {"id": revoked}, f"Revoked {revoked}.")


def create_organization(arguments: argparse.Namespace) -> None:
    """Create an organization and print a token for it."""
    from datalake_ops.platform.administration import organizations
    from datalake_ops.platform.administration.home import open_database

    with open_database(arguments.home) as database:
        made, token = database.write_sync(
            lambda connection: organizations.create_organization(connection, arguments.name)
        )
    answer = {"id": made.principal.organization_id, "datalake_id": made.lake_id, "token": token}
    _print(arguments, answer, f"Organization {answer['id']}, lake {made.lake_id}\n{token}\n(shown only this once)")


def list_organizations(arguments: argparse.Namespace) -> None:
    """Print the organizations."""
    from datalake_ops.platform.administration import organizations
    from datalake_ops.platform.administration.home import open_database

    with open_database(arguments.home) as database:
        found = database.read_sync(organizations.list_organizations)
    _print_rows(arguments, ("id", "name", "created_at", "lakes", "data"), found)


def set_program(arguments: argparse.Namespace) -> None:
    """Set the program of an image."""
    from datalake_ops.platform.administration import programs

    programs.set_program(arguments.home, arguments.image, arguments.command)
    _print(arguments, {"image": arguments.image, "command": arguments.command}, f"{arguments.image} is set.")


def list_programs(arguments: argparse.Namespace) -> None:
    """Print images and their programs."""
    from datalake_ops.platform.administration import programs

    _print_rows(arguments, ("image", "command", "updated_at"), programs.list_programs(arguments.home))


def remove_program(arguments: argparse.Namespace) -> None:
    """Remove the program of an image."""
    from datalake_ops.platform.administration import programs

    programs.remove_program(arguments.home, arguments.image)
    _print(arguments, {"image": arguments.image}, f"Removed the program of {arguments.image}.")


def console(arguments: argparse.Namespace) -> None:
    """Print an address that opens the console."""
    from datalake_ops.platform.administration.console_link import make_console_link

    address = make_console_link(arguments.home)
    _print(arguments, {"address": address}, f"{address}\n(signs in once, within 5 minutes)")


def back_up(arguments: argparse.Namespace) -> None:
    """Back the home up."""
    from datalake_ops.platform.administration import backup

    _print_backup(arguments, "Backed up", backup.back_up(arguments.home, arguments.folder.expanduser()))


def restore(arguments: argparse.Namespace) -> None:
    """Restore a backup to a new home."""
    from datalake_ops.platform.administration import backup

    _print_backup(arguments, "Restored", backup.restore(arguments.folder.expanduser(), arguments.home))


def snapshot(arguments: argparse.Namespace) -> None:
    """Take a snapshot, or list them."""
    from datalake_ops.platform.administration import snapshots

    if arguments.name is None:
        _print_rows(arguments, ("name", "created_at", "objects", "bytes"), snapshots.list_snapshots(arguments.home))
    else:
        _print_backup(arguments, "Kept", snapshots.take_snapshot(arguments.home, arguments.name))


def reset(arguments: argparse.Namespace) -> None:
    """Empty the home, or put a snapshot back."""
    from datalake_ops.platform.administration import snapshots

    snapshots.reset(arguments.home, arguments.to)
    said = "Deleted all data." if arguments.to is None else f"Put {arguments.to} back."
    _print(arguments, {"snapshot": arguments.to}, said)


def _group(commands: Commands, name: str, what: str) -> Commands:
    group = commands.add_parser(name, help=what, description=f"{what}.")
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], None], what: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=what, description=f"{what}.")
    command.add_argument("--home", type=_folder, default=DEFAULT_HOME, help="folder of `serve --home` (%(default)s)")
    command.add_argument("--json", action="store_true", help="print JSON on standard output")
    command.set_defaults(run=lambda arguments: _run(run, arguments))
    return command


def _run(run: Callable[[argparse.Namespace], None], arguments: argparse.Namespace) -> int:
    try:
        from datalake_ops.platform.administration.home import AdministrationError
    except ModuleNotFoundError as error:
        message = f"The platform needs {error.name}; install datalake-ops with its extra `platform`."
        print(f"datalake-ops: {message}", file=sys.stderr)
        return 2
    try:
        run(arguments)
    except (AdministrationError, OSError) as error:
        print(f"datalake-ops: {error}", file=sys.stderr)
        return 1
    return 0


def _print(arguments: argparse.Namespace, value: Any, text: str) -> None:
    if arguments.json:
        print_json(value)
    else:
        print(text)


def _print_backup(arguments: argparse.Namespace, verb: str, backup: Backup) -> None:
    from dataclasses import asdict

    _print(arguments, asdict(backup), f"{verb} the database and {backup.objects:,} objects ({size(backup.bytes)}).")


def _print_rows(arguments: argparse.Namespace, names: tuple[str, ...], rows: list[Any]) -> None:
    if arguments.json:
        print_json([{name: getattr(row, name) for name in names} for row in rows])
        return
    print_table(names, ([_cell(getattr(row, name)) for name in names] for row in rows))


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}Z"
    return "" if value is None else str(value)


def _moment(text: str) -> datetime:
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if found:
        return datetime.now(UTC) + timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"write 90d, 12h, 30m or a date as 2030-01-31, not {text!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()
