"""Table of the commands that run in place of docker images; only who owns the server writes it."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import now

_TABLE = schema.program
_LONGEST_IMAGE, _LONGEST_COMMAND = 640, 32_768


class InvalidProgramError(ValueError):
    """An image or a command that cannot be meant."""


@dataclass(frozen=True)
class ProgramRow:
    """Image, with its tag or without, and the command line that runs in its place."""

    image: str
    command: str
    updated_at: datetime


def set_program(connection: Connection, image: str, command: str) -> ProgramRow:
    """Set the command of an image, in place of an earlier one.

    Raises:
        InvalidProgramError: the image is blank or has blanks in it, or the command is no command line of a shell.
    """
    if not image or any(one.isspace() or not one.isprintable() for one in image) or len(image) > _LONGEST_IMAGE:
        raise InvalidProgramError(f"{image[:80]!r} is no name of an image, as registry/name or registry/name:tag.")
    split_command(command)
    row = ProgramRow(image, command, now())
    values = asdict(row)
    connection.execute(
        insert(_TABLE).values(values).on_conflict_do_update(index_elements=[_TABLE.c.image], set_=values)
    )
    return row


def remove_program(connection: Connection, image: str) -> bool:
    """Remove the command of an image; returns False when there is none."""
    return connection.execute(delete(_TABLE).where(_TABLE.c.image == image)).rowcount > 0


def list_programs(connection: Connection) -> list[ProgramRow]:
    """List the images and their commands, by image."""
    rows = connection.execute(select(_TABLE).order_by(_TABLE.c.image)).all()
    return [ProgramRow(row.image, row.command, row.updated_at) for row in rows]


def find_commands(connection: Connection, images: tuple[str, ...]) -> dict[str, str]:
    """Find the commands of some images."""
    rows = connection.execute(select(_TABLE.c.image, _TABLE.c.command).where(_TABLE.c.image.in_(images)))
    return {row.image: row.command for row in rows}


def split_command(command: str) -> list[str]:
    """Split a command line as a shell does.

    Raises:
        InvalidProgramError: it is empty, too long, has a quote that does not end, or a NUL.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidProgramError(f"The command is no command line of a shell: {error}.") from error
    if not words or not words[0] or "\0" in command or len(command) > _LONGEST_COMMAND:
        raise InvalidProgramError(f"The command is empty, has a NUL or more than {_LONGEST_COMMAND} characters.")
    return words
