"""Looks at files before anything is sent: which are empty, unreadable, no picture, or there twice."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from datalake_ops.errors import DatalakeError
from datalake_ops.upload.entries import entries
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry, OpenFile, as_stream
from datalake_ops.upload.sources.image_metadata import FORMATS
from datalake_ops.upload.sources.media_type import MEASURED_TYPES, content_type
from datalake_ops.wire.model import Choice

# Pillow and hashing let other threads run.
THREADS = 4
# Files that are looked at ahead of the one that is due.
AHEAD = 32
_SLICE_BYTES = 1024 * 1024
_DECODED = MEASURED_TYPES | {"image/webp"}


class Problem(Choice):
    """What is wrong with a file."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    UNDECODABLE = "undecodable"
    UNSUPPORTED = "unsupported"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Finding:
    """One file with a problem, and a sentence on it."""

    path: str
    problem: Problem
    detail: str


@dataclass(frozen=True)
class Preflight:
    """What was found among so many files of so many bytes; the findings are in input order."""

    files: int
    bytes: int
    findings: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return not self.findings

    def counts(self) -> dict[str, int]:
        """How many files have each problem; every problem is named."""
        found = Counter(finding.problem for finding in self.findings)
        return {str(problem): found[problem] for problem in Problem}

    def rows(self) -> list[tuple[str, str, str]]:
        """The findings as rows of a table: problem, path, detail."""
        return [(str(finding.problem), finding.path, finding.detail) for finding in self.findings]


@dataclass(frozen=True)
class _Look:
    path: str
    size: int = 0
    digest: bytes = b""
    finding: Finding | None = None


def check(
    source: Any,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    storage_options: Mapping[str, Any] | None = None,
) -> Preflight:
    """Read and decode every file of a source, and send nothing; costs 32 bytes and a path of memory a file.

    Sources are those of `upload`. Pictures of the formats that the client measures are decoded whole; videos are only
    read. A duplicate is a file whose bytes came before.

    Raises:
        ConfigurationError: something given is no source.
    """
    request = UploadRequest(source, include=tuple(include), exclude=tuple(exclude), storage_options=storage_options)
    first: dict[bytes, str] = {}
    findings, files, size = [], 0, 0
    for look in _looked_at(entries(request)):
        files += 1
        size += look.size
        finding = look.finding
        if look.digest and first.setdefault(look.digest, look.path) != look.path:
            same = f"has the same content as {first[look.digest]}"
            finding = finding or Finding(look.path, Problem.DUPLICATE, same)
        if finding is not None:
            findings.append(finding)
    return Preflight(files, size, tuple(findings))


def _looked_at(found: Iterable[Entry]) -> Iterator[_Look]:
    with ThreadPoolExecutor(THREADS, thread_name_prefix="datalake-ops-check") as pool:
        ahead: deque[Future[_Look]] = deque()
        for entry in found:
            ahead.append(pool.submit(_look, entry))
            if len(ahead) > AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _look(entry: Entry) -> _Look:
    if (stamp := entry.content.stamp()) is not None and stamp[0] == 0:
        return _Look(entry.path, finding=Finding(entry.path, Problem.EMPTY, "has no bytes"))
    try:
        file = entry.content.open()
        digest = _digest(file)
    except DatalakeError as error:
        return _Look(entry.path, finding=Finding(entry.path, Problem.UNREADABLE, str(error)))
    kind = content_type(file.name)
    finding = None
    if not kind.startswith(("image/", "video/")):
        finding = Finding(entry.path, Problem.UNSUPPORTED, f"is neither image nor video by its name ({kind})")
    elif kind in _DECODED and (reason := _undecodable(file)) is not None:
        finding = Finding(entry.path, Problem.UNDECODABLE, reason)
    return _Look(entry.path, file.size, digest, finding)


def _digest(file: OpenFile) -> bytes:
    digest = hashlib.sha256()
    for start in range(0, file.size, _SLICE_BYTES):
        digest.update(file.read(start, min(start + _SLICE_BYTES, file.size)))
    return digest.digest()


def _undecodable(file: OpenFile) -> str | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(as_stream(file), formats=FORMATS) as image:
            # A JPEG is read to its end also when only a small version of it is made.
            image.draft("RGB", (1, 1))
            image.load()
    # Decoders raise whatever a broken file makes of them.
    except Exception as error:  # noqa: BLE001
        reason = "it is of no known format" if isinstance(error, UnidentifiedImageError) else error
        return f"cannot be decoded: {reason}"
    return None
