"""Options for the files of sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datalake_ops.upload.sources.folders import OnPassedOver
from datalake_ops.upload.sources.patterns import PathFilter


@dataclass(frozen=True)
class SourceOptions:
    """Patterns for the files of folders and patterns, and the options of fsspec."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    # They carry secrets.
    storage: Mapping[str, Any] | None = field(default=None, repr=False)
    # Called with the name of each file of a folder that is neither an image nor a video.
    on_passed_over: OnPassedOver | None = field(default=None, repr=False, compare=False)

    def path_filter(self, glob: str | None = None) -> PathFilter:
        """Return the filter for the files below a folder.

        Raises:
            ConfigurationError: a pattern is invalid.
        """
        return PathFilter(self.include, self.exclude, glob)
