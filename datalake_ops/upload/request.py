"""What an upload is asked to do, as one value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union
from uuid import UUID

from datalake_ops.concurrency.limiter import DEFAULT_WORKERS
from datalake_ops.errors import ConfigurationError
from datalake_ops.lake import CONTENT_KEY
from datalake_ops.upload.name_resolver import NameResolver
from datalake_ops.upload.progress import OnProgress
from datalake_ops.upload.sources.entry import Entry
from datalake_ops.wire.model import Choice

FilePath = Union[str, "os.PathLike[str]"]
Metadata = Mapping[str, Any]
Size = tuple[int, int]
# Patience with data that the platform is still reading (the official SDK asks 30 times, every 5 s).
READY_WAIT = 150.0

_LONGEST_KEY = 255


class IfExists(Choice):
    """What to do with a file whose name and content the lake has already."""

    SKIP = "skip"
    UPLOAD = "upload"
    ERROR = "error"


@dataclass(frozen=True)
class UploadRequest:
    """Files and what goes with them; tags and source are resolved to identifiers already.

    `metadata`, `custom_metadata` and `sizes` are one value for every file, or a list with one (or None) per file.
    A path given twice is reported twice, and uploaded twice unless `if_exists` or a journal prevents it. `ready_wait`
    is in seconds. `if_exists` compares name and content; the content's SHA-256 is kept in custom metadata under
    `content_key`. `filepaths` is a source, or many: see `upload.entries`. `include` and `exclude` choose the files of
    folders and patterns; `storage_options` go to fsspec. `names` finds the tags and sources that a manifest names.
    `journal` is the path of a SQLite file, or an fsspec URL, that makes a killed run resumable.

    Raises:
        ConfigurationError: `max_workers` is below 1, `if_exists` is none of its words, or the content key cannot be
            one.
    """

    filepaths: Any
    tag_ids: tuple[UUID, ...] = ()
    source_id: UUID | None = None
    metadata: Metadata | Sequence[Metadata | None] | None = None
    custom_metadata: Metadata | Sequence[Metadata | None] | None = None
    sizes: Size | Sequence[Size | None] | None = None
    fill_metadata: bool = False
    upload_dir: str | None = None
    max_workers: int | None = None
    wait: bool = True
    ready_wait: float = READY_WAIT
    on_progress: OnProgress | None = None
    if_exists: IfExists | str = IfExists.UPLOAD
    content_key: str = CONTENT_KEY
    journal: FilePath | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    # Storage options carry secrets.
    storage_options: Mapping[str, Any] | None = field(default=None, repr=False)
    names: NameResolver | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.if_exists not in tuple(IfExists):
            raise ConfigurationError(f"if_exists is skip, upload or error, got {self.if_exists!r}.")
        if not 0 < len(self.content_key) <= _LONGEST_KEY:
            raise ConfigurationError(f"content_key has 1 to {_LONGEST_KEY} characters, got {len(self.content_key)}.")
        if self.max_workers is not None and self.max_workers < 1:
            raise ConfigurationError(f"max_workers must be at least 1, got {self.max_workers}.")

    @property
    def workers(self) -> int:
        """How many files travel at once."""
        return self.max_workers or DEFAULT_WORKERS

    def tags_of(self, entry: Entry) -> tuple[UUID, ...]:
        """The tags of one file: those of the upload, then its own; blocks when a name is new.

        Raises:
            DatalakeError: a tag cannot be looked up or made.
        """
        own = (self._names().tag(name) for name in entry.tags)
        return tuple(dict.fromkeys((*self.tag_ids, *own)))

    def source_of(self, entry: Entry) -> UUID | None:
        """The source of one file: its own, else that of the upload; blocks when the name is new.

        Raises:
            DatalakeError: the source cannot be looked up or made.
        """
        return self.source_id if entry.source is None else self._names().source(entry.source)

    def _names(self) -> NameResolver:
        if self.names is None:
            raise ConfigurationError("Tags and sources by name need a request with `names`.")
        return self.names

    @property
    def compares(self) -> bool:
        """Whether files are compared with what the lake has already."""
        return self.if_exists != IfExists.UPLOAD
