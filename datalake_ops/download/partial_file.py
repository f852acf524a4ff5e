"""Partial file of a download: hidden beside its target, kept when the download is cut, renamed when it is whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from uuid import UUID

from datalake_ops.download.existing_file import digest, is_same_content
from datalake_ops.errors import DownloadError


class PartialFile:
    """Bytes of one data so far; a later run continues where an earlier one ended.

    A data's file hardly ever changes, so the data's id in the name is proof enough that old and new bytes belong
    together. Two processes that download the same file do not share its bytes: the second one writes a file of its
    own, from the start. All methods block.
    """

    def __init__(self, target: Path, data_id: UUID) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.{data_id.hex[:12]}.part")
        self._keep = False
        self._open()

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_for_renaming()
        if not self._keep:
            # Before the lock goes, for the next one to hold it owns the name.
            self.path.unlink(missing_ok=True)
        self._stream.close()

    @property
    def size(self) -> int:
        """Number of bytes so far."""
        return self._stream.tell()

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        self._stream.write(piece)

    def restart(self) -> None:
        """Delete the bytes so far."""
        self._stream.seek(0)
        self._stream.truncate()

    def keep(self) -> None:
        """Keep the bytes so far for a later attempt."""
        self._keep = self.size > 0

    def check(self, size: int | None, sha256: str | None) -> None:
        """Compare the file with its size and SHA-256.

        Raises:
            DownloadError: it differs; nothing of it is kept.
        """
        self._stream.flush()
        if size is not None and self.size != size:
            raise DownloadError(f"{self.target.name} has {size} bytes on the platform, but {self.size} were received.")
        if sha256 is not None and digest(self.path) != sha256:
            raise DownloadError(f"The content of {self.target.name} differs from the upload: its SHA-256 is another.")

    def replace_target(self) -> Path:
        """Give the file its target's name, in place of what has it."""
        self._close_for_renaming()
        self.path.replace(self.target)
        self._keep = True
        return self.target

    def place(self, targets: Iterable[Path]) -> Path:
        """Give the file the first of these names that is free, or that a file of the same content has; return it."""
        self._close_for_renaming()
        for target in targets:
            if self._moved_to(target) or is_same_content(self.path, target):
                return target
        raise DownloadError(f"No name is free for {self.target.name}.")

    def _moved_to(self, target: Path) -> bool:
        """Rename the file unless the name is taken, also by another process at this moment."""
        try:
            os.link(self.path, target)
        except FileExistsError:
            return False
        except OSError:
            # Some file systems have no links; there two processes may meet.
            if os.path.lexists(target):
                return False
            self.path.replace(target)
        # While the lock is held: who opens the file by this name afterwards must not write into the target.
        self.path.unlink(missing_ok=True)
        return True

    def _close_for_renaming(self) -> None:
        if os.name == "nt":
            # An open file cannot be renamed on Windows.
            self._stream.close()

    def _open(self) -> None:
        # Unbuffered, so that nothing is lost when the process is killed; pieces are large anyway.
        self._stream = self.path.open("ab", buffering=0)
        if not (_locked(self._stream.fileno()) and _is_at(self._stream.fileno(), self.path)):
            self._stream.close()
            self.path = self.target.with_name(f".{self.target.name}.{secrets.token_hex(6)}.part")
            self._stream = self.path.open("ab", buffering=0)


def _locked(descriptor: int) -> bool:
    """Return True if this process has the lock of the file; without locks, if the file is empty."""
    try:
        import fcntl
    except ImportError:
        return os.fstat(descriptor).st_size == 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Return True if this is still the file of that name: the last holder of the lock may have renamed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
