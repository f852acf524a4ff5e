"""Registry of docker images and the local programs that run in their place: this platform runs no containers."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select

from datalake_ops.platform.child_environment import package_path
from datalake_ops.platform.jobs.processings.program_table import find_commands, split_command
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import new_id, now
from datalake_ops.wire.processings import ProcessingTarget, ProcessingType

_TAG = "1"
# Modules by name only: the platform starts them, it never imports them.
_MODULES = {
    "datalake-ops/quality-tagging": "datalake_ops.processings.quality_tagging",
    "datalake-ops/near-duplicates": "datalake_ops.processings.near_duplicates",
    "datalake-ops/thumbnails": "datalake_ops.processings.thumbnails",
}
# Built-in processings of every organization: name, description, type and default parameters.
_BUILT_IN: tuple[dict[str, Any], ...] = (
    {
        "name": "quality-tagging",
        "type": ProcessingType.DATA_AUTO_TAGGING.value,
        "description": "Tags images that are blurred, dark, overexposed or of low resolution.",
        "default_parameters": {
            "blur_threshold": 57.0,
            "dark_threshold": 40.0,
            "bright_threshold": 190.0,
            "min_side": 256,
            "tag_prefix": "",
            "value_range": None,
            "keep_old": False,
        },
    },
    {
        "name": "near-duplicates",
        "type": ProcessingType.DATA_AUTO_TAGGING.value,
        "description": "Finds groups of images that look nearly the same and tags each group.",
        "default_parameters": {"max_distance": 8, "tag_prefix": "", "keep_old": False},
    },
    {
        "name": "thumbnails",
        "type": None,
        "description": "Makes a small copy of each image and keeps it as a projection named `thumbnail`.",
        "default_parameters": {"max_side": 256, "quality": 85},
    },
)


class UnknownImageError(LookupError):
    """No program of this machine is registered for the image."""

    def __init__(self, image: str) -> None:
        super().__init__(
            f"No program of this platform runs the image {image!r}. Whoever owns the platform gives it one: "
            f"`datalake-ops processing program {shlex.quote(image)} COMMAND` with an admin's token, or "
            f"`serve --program {shlex.quote(f'{image}=COMMAND')}`, where COMMAND does what the container would."
        )


@dataclass(frozen=True)
class Program:
    """Command line of a program, and the variables that it needs beside those of every program."""

    argv: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Programs:
    """Registry of images: those given by `--program`, those of the table, and the built-in ones, in this order."""

    def __init__(self, named: Mapping[str, str]) -> None:
        built_in = package_path()
        self._built_in = {
            image: Program([sys.executable, "-m", module], built_in) for image, module in _MODULES.items()
        }
        self._named = {image: Program(shlex.split(command)) for image, command in named.items()}

    def is_named(self, image: str) -> bool:
        """True if `--program` gave the image its command, which the table does not change then."""
        return image in self._named

    def find(self, connection: Connection, image: str, tag: str) -> Program:
        """Return the program for an image, registered with its tag or else without.

        Raises:
            UnknownImageError: no program is registered.
        """
        keys = (f"{image}:{tag}", image)
        commands = find_commands(connection, keys)
        for key in keys:
            if key in self._named:
                return self._named[key]
            if key in commands:
                return Program(split_command(commands[key]))
            if key in self._built_in:
                return self._built_in[key]
        raise UnknownImageError(keys[0])


def seed_processings(connection: Connection) -> None:
    """Insert missing built-in processings into every organization."""
    for organization in connection.scalars(select(schema.organization.c.id)).all():
        seed_processings_of(connection, organization)


def seed_processings_of(connection: Connection, organization: UUID) -> None:
    """Insert missing built-in processings into one organization; its own of the same name stay."""
    processing = schema.processing
    known = set(connection.scalars(select(processing.c.name).where(processing.c.organization_id == organization)))
    for row in _BUILT_IN:
        if row["name"] not in known:
            fixed = {
                "id": new_id(),
                "organization_id": organization,
                "target": ProcessingTarget.DATALAKE.value,
                "docker_image": f"datalake-ops/{row['name']}",
                "docker_tag": _TAG,
                "default_cpu": 1,
                "default_gpu": 0,
                "created_at": now(),
            }
            connection.execute(insert(processing).values(**fixed, **row))
