"""A file on its way to this machine: written beside its place, kept when the way is cut, moved there when whole."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from types import TracebackType
from uuid import UUID

from datalake_ops.errors import DownloadError

_CHUNK = 1 << 20


class Partial:
    """The bytes that came so far of one data; a later run goes on where an earlier one ended.

    A data's file never changes, so the data's id in the name is proof enough that old and new bytes belong together.
    Two processes that want the same file do not share its bytes: the second one writes a draft of its own, from the
    start. All methods block.
    """

    def __init__(self, target: Path, data_id: UUID) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.{data_id.hex[:12]}.part")
        self._keep = False
        self._open()

    def __enter__(self) -> Partial:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        if not self._keep:
            self.path.unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self._stream.tell()

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self._stream.write(piece)

    def restart(self) -> None:
        """Throw away what is there."""
        self._stream.seek(0)
        self._stream.truncate()

    def keep(self) -> None:
        """Leave what is there for a later try."""
        self._keep = self.size > 0

    def check(self, size: int | None, sha256: str | None) -> None:
        """Compare what came with what is known of the file, then put it into its place.

        Raises:
            DownloadError: it is another file; nothing of it is kept.
        """
        self._stream.flush()
        if size is not None and self.size != size:
            raise DownloadError(f"{self.target.name} has {size} bytes on the platform, and {self.size} came.")
        if sha256 is not None and _digest(self.path) != sha256:
            raise DownloadError(f"The content of {self.target.name} is not what was uploaded: its SHA-256 differs.")
        if os.name == "nt":
            # An open file cannot be renamed there.
            self._stream.close()
        self.path.replace(self.target)
        self._keep = True

    def _open(self) -> None:
        # Unbuffered, so that what a killed process wrote is there; pieces are large anyway.
        self._stream = self.path.open("ab", buffering=0)
        if not (_locked(self._stream.fileno()) and _is_at(self._stream.fileno(), self.path)):
            self._stream.close()
            self.path = self.target.with_name(f".{self.target.name}.{secrets.token_hex(6)}.part")
            self._stream = self.path.open("ab", buffering=0)


def _locked(descriptor: int) -> bool:
    """Whether this process alone now writes the file; where there are no locks, nobody can tell."""
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
    """Whether this is still the file of that name: who had the lock may have moved it to its place."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()
