"""Programs of images in a home, as its owner sets them beside a running server."""

from __future__ import annotations

from pathlib import Path

from datalake_ops.platform.administration.home import AdministrationError, open_database
from datalake_ops.platform.jobs.processings import program_table
from datalake_ops.platform.jobs.processings.program_table import InvalidProgramError, ProgramRow


def set_program(home: Path, image: str, command: str) -> None:
    """Set the command of an image; a server that was started with one for it (`--program`) keeps that.

    Raises:
        AdministrationError: the image or the command cannot be meant, or there is no home.
    """
    with open_database(home) as database:
        try:
            database.write_sync(lambda connection: program_table.set_program(connection, image, command))
        except InvalidProgramError as error:
            raise AdministrationError(str(error)) from error


def list_programs(home: Path) -> list[ProgramRow]:
    """List the images and their commands.

    Raises:
        AdministrationError: there is no home.
    """
    with open_database(home) as database:
        return database.read_sync(program_table.list_programs)


def remove_program(home: Path, image: str) -> None:
    """Remove the command of an image.

    Raises:
        AdministrationError: it has none, or there is no home.
    """
    with open_database(home) as database:
        if not database.write_sync(lambda connection: program_table.remove_program(connection, image)):
            raise AdministrationError(f"No command is set for the image {image!r}.")
