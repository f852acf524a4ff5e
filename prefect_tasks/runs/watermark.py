"""Watermark of a sync: a variable of the Prefect server, so that the next run finds it wherever it runs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect import get_client
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.exceptions import ObjectAlreadyExists

from datalake_ops.errors import ConfigurationError
from prefect_tasks.blocks import load_credentials

_REACHED = "reached"


@dataclass(frozen=True)
class Watermark:
    """Variable of a watermark, with lake and prefix for people who read it."""

    name: str
    lake: str
    prefix: str

    @classmethod
    def of(cls, credentials: str, prefix: str, name: str | None = None) -> Watermark:
        """Return the watermark of a lake and a prefix, or the one of that name."""
        with load_credentials(credentials).get_client() as hook:
            lake = hook.context.datalake
            told = f"{hook.connection.host}/{hook.context.organization.id}/{lake.id}/{prefix}"
        digest = hashlib.sha256(told.encode()).hexdigest()[:16]
        called = re.sub("[^a-z0-9_-]+", "_", name.lower()) if name else digest
        return cls(f"datalake_sync_{called}", lake.name, prefix)

    def read(self) -> datetime | None:
        """Read the time at which the last successful sync began; None before the first.

        Raises:
            ConfigurationError: the variable holds something else.
        """
        with get_client(sync_client=True) as client:
            found = client.read_variable_by_name(self.name)
        if found is None:
            return None
        value: Any = found.value
        try:
            return datetime.fromisoformat(value[_REACHED])
        except (TypeError, KeyError, ValueError) as error:
            raise ConfigurationError(
                f"Prefect's variable {self.name!r} holds no watermark but {value!r}; delete it to begin anew."
            ) from error

    def write(self, reached: datetime) -> None:
        """Move the watermark on, never back: two syncs may overlap."""
        before = self.read()
        value = {_REACHED: max(before or reached, reached).isoformat(), "lake": self.lake, "prefix": self.prefix}
        with get_client(sync_client=True) as client:
            if before is not None:
                client.update_variable(VariableUpdate(name=self.name, value=value))
                return
            try:
                client.create_variable(VariableCreate(name=self.name, value=value, tags=["datalake"]))
            except ObjectAlreadyExists:
                # Another first sync has ended at the same moment.
                self.write(reached)
