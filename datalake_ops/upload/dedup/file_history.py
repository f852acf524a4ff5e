"""History of a file before it is opened: its progress in the journal, and the data of the lake that have its name."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from datalake_ops.upload.dedup.lake_index import ContentKey
from datalake_ops.upload.journal.steps import FileProgress, State
from datalake_ops.upload.sources.entry import OpenFile, Stamp
from datalake_ops.wire.data import Data


@dataclass(frozen=True)
class ExistingFile:
    """A file that the lake has, as `data`; `ours` when the journal says that an earlier run of this upload sent it.

    `duplicates` are more data of the same name and content; `tags` are those that the file is to have.
    """

    data: Data
    ours: bool
    tags: tuple[UUID, ...]
    duplicates: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class FileFingerprint:
    """Content and stamp (size and time of change) of a file as it is now, and the tags that it is to have."""

    digest: str
    stamp: Stamp
    tags: tuple[UUID, ...]


@dataclass(frozen=True)
class FileHistory:
    """Name of a file in the journal, its progress there, and the data of the lake that have its name."""

    path: str
    progress: FileProgress | None = None
    candidates: tuple[Data, ...] = ()

    @property
    def registered_id(self) -> UUID | None:
        """The data that the file became, by the journal."""
        step = self.progress.step if self.progress else None
        return step.data_id if step is not None and step.state is State.REGISTERED else None

    def digest_of(self, stamp: Stamp) -> str | None:
        """Return the content of a file that was not changed since an earlier run read it."""
        step = self.progress.step if self.progress else None
        # Without a time of change it is not known that the file is unchanged.
        if step is None or not stamp[1] or (step.size, step.modified_ns) != stamp:
            return None
        return step.digest

    def match(self, fingerprint: FileFingerprint, key: ContentKey | None) -> ExistingFile | None:
        """Return the data of the lake that is this file; None when there is none."""
        step = self.progress.step if self.progress else None
        digest, tags = fingerprint.digest, fingerprint.tags
        if step is not None and (step.size, step.modified_ns, step.digest) == (*fingerprint.stamp, digest):
            for data in self.candidates:
                # A run that was killed right after the registration knows the object, but not yet the data.
                if data.id == step.data_id or data.object_name == step.object_name:
                    return ExistingFile(data, True, tags, self._duplicates(data, digest, key))
        for data in self.candidates:
            if key is not None and key.of(data) == digest:
                return ExistingFile(data, False, tags, self._duplicates(data, digest, key))
        return None

    def _duplicates(self, data: Data, digest: str, key: ContentKey | None) -> tuple[UUID, ...]:
        if key is None:
            return ()
        return tuple(one.id for one in self.candidates if one.id != data.id and key.of(one) == digest)


def stamp_of(file: OpenFile) -> Stamp:
    """Return size and time of the last change of an open file; 0 where that time is not known."""
    return file.size, file.modified_ns or 0
