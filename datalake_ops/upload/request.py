"""Request of an upload: a source, its options, and the ids that names in them stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from datalake_ops.concurrency.limiter import DEFAULT_WORKERS
from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.name_resolver import NameResolver
from datalake_ops.upload.options import FilePath, IfExists, UploadOptions
from datalake_ops.upload.reporting.remarks import Remarks
from datalake_ops.upload.sources.entry import Entry
from datalake_ops.upload.support import TypeSupport

# Seconds to wait for data that the platform is still reading (the official SDK polls 30 times, every 5 s).
READY_WAIT = 150.0


@dataclass(frozen=True)
class UploadRequest:
    """Files to upload, and their options; `tag_ids` and `source_id` are the options' tags and source.

    `filepaths` is one source or many, see `upload.entries`. A path given twice is reported twice, and uploaded twice
    unless `if_exists` or a journal prevents it. `names` resolves the tags and sources that a manifest names.
    `ready_wait` is in seconds.
    """

    filepaths: Any
    options: UploadOptions = field(default_factory=UploadOptions)
    tag_ids: tuple[UUID, ...] = ()
    source_id: UUID | None = None
    names: NameResolver | None = field(default=None, repr=False)
    ready_wait: float = READY_WAIT
    # Types that the platform announced; empty where it does not.
    readable_types: frozenset[str] = frozenset()
    # Keys of custom metadata for the camera's texts that the lake's schema takes.
    camera_keys: frozenset[str] = frozenset()
    remarks: Remarks = field(default_factory=Remarks, repr=False, compare=False)

    @property
    def support(self) -> TypeSupport:
        """The platform's support for types of files."""
        return TypeSupport(self.readable_types, self.options.unsupported)

    @property
    def workers(self) -> int:
        """Number of files that are sent at once."""
        return self.options.max_workers or DEFAULT_WORKERS

    @property
    def compares(self) -> bool:
        """True if files are compared with those of the lake."""
        return self.options.if_exists != IfExists.UPLOAD

    @property
    def journal(self) -> FilePath | None:
        """Location of the journal."""
        return self.options.journal

    def tags_of(self, entry: Entry) -> tuple[UUID, ...]:
        """Return the tags of one file: those of the upload, then its own; blocks when a name is new.

        Raises:
            DatalakeError: a tag cannot be looked up or created.
        """
        own = (self._resolver().tag(name) for name in entry.tags)
        return tuple(dict.fromkeys((*self.tag_ids, *own)))

    def source_of(self, entry: Entry) -> UUID | None:
        """Return the source of one file: its own, else that of the upload; blocks when the name is new.

        Raises:
            DatalakeError: the source cannot be looked up or created.
        """
        return self.source_id if entry.source is None else self._resolver().source(entry.source)

    def _resolver(self) -> NameResolver:
        if self.names is None:
            raise ConfigurationError("Tags and sources by name need a request with `names`.")
        return self.names
