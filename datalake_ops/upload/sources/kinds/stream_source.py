"""Sources that are open streams, or objects that can be opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.sources.entry import Content
from datalake_ops.upload.sources.resolved_file import ResolvedFile
from datalake_ops.upload.sources.shard import SizedPiece
from datalake_ops.upload.sources.streams import OpenableContent, StreamContent


@dataclass(frozen=True)
class SingleFileSource:
    """Source of one file whose content belongs to this process."""

    path: str
    content: Content
    is_local = False

    @classmethod
    def of_stream(cls, name: str, stream: IO[bytes]) -> SingleFileSource:
        """Return the source of an open binary stream."""
        return cls(name, StreamContent(name, stream))

    @classmethod
    def of_openable(cls, thing: Any) -> SingleFileSource:
        """Return the source of an object with a name and a method `open`."""
        return cls(str(thing), OpenableContent(str(thing), thing))

    def check(self) -> None:
        """Accept any stream: an unreadable one is reported in its row."""

    def count(self) -> int | None:
        """Return 1."""
        return 1

    def files(self) -> Iterator[ResolvedFile]:
        """Yield the file."""
        yield ResolvedFile(self.path, self.content)

    def pieces(self, sized: bool) -> Iterator[SizedPiece]:
        """Refuse: an open file stays in this process.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(f"{self.path} cannot travel to a worker; give a path or an address.")
