"""What a report needs to upload again what failed."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datalake_ops.upload.report import UploadReport

# They carry secrets, or belong to one process alone.
_STAY = frozenset({"storage_options", "on_progress"})
_ARGUMENTS = frozenset(
    "tags source max_workers metadata custom_metadata sizes fill_metadata upload_dir wait on_progress if_exists "
    "content_key journal include exclude storage_options raise_on max_failed".split()
)


class Uploads(Protocol):
    """Who uploads: a hook."""

    def upload(self, filepaths: Any, **arguments: Any) -> UploadReport:
        """Upload, as `DatalakeHook.upload`."""


@dataclass(frozen=True)
class Only:
    """Of a source, the files of these paths."""

    filepaths: Any
    paths: Collection[str]


@dataclass(frozen=True)
class Again:
    """The source and the arguments of an upload; no source when it was an iterator, which is spent."""

    filepaths: Any = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def only(self, paths: Collection[str]) -> Any:
        """The source, of which only the files of these paths are meant."""
        if self.filepaths is None:
            return list(paths)
        # A retry of a retry asks the whole source again.
        whole = self.filepaths.filepaths if isinstance(self.filepaths, Only) else self.filepaths
        return Only(whole, frozenset(paths))

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = {name: value for name, value in self.arguments.items() if name not in _STAY}
        try:
            pickle.dumps(self.filepaths)
        # A stream says so in any of these ways.
        except (TypeError, pickle.PicklingError, AttributeError):
            return Again, (None, arguments)
        return Again, (self.filepaths, arguments)


def remembered(arguments: Mapping[str, Any]) -> Again:
    """The source and the arguments of a call of `upload`, from its local names."""
    given = {name: value for name, value in arguments.items() if name in _ARGUMENTS}
    filepaths = arguments["filepaths"]
    spent = isinstance(filepaths, Iterator)
    return Again(None if spent else filepaths, given)
