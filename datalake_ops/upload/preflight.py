"""Preflight check of files: finds the empty, unreadable, undecodable and duplicate ones before anything is sent."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from datalake_ops.errors import DatalakeError
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry, OpenFile, as_stream
from datalake_ops.upload.sources.media_type import file_type
from datalake_ops.wire.media_types import SNIFF_BYTES, is_media, sniff
from datalake_ops.wire.model import Choice

# Pillow and hashing let other threads run.
THREADS = 4
# Files that are checked ahead of the one that is due.
AHEAD = 32
_SLICE_BYTES = 1024 * 1024


class FileProblem(Choice):
    """Problem of a file."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    UNDECODABLE = "undecodable"
    UNSUPPORTED = "unsupported"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class PreflightFinding:
    """File with a problem, and a sentence on it."""

    path: str
    problem: FileProblem
    detail: str


@dataclass(frozen=True)
class Preflight:
    """Result of a check of `files` files of `bytes` bytes; the findings are in input order. False when there is any.

    `passed_over` are files of folders that are neither images nor videos, counted by the ending of their names.
    """

    files: int
    bytes: int
    findings: tuple[PreflightFinding, ...]
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return not self.findings

    def counts(self) -> dict[str, int]:
        """Return the number of files with each problem; every problem is named."""
        count_of = Counter(finding.problem for finding in self.findings)
        return {str(problem): count_of[problem] for problem in FileProblem}

    def rows(self) -> list[tuple[str, str, str]]:
        """Return the findings as rows of a table: problem, path, detail."""
        return [(str(finding.problem), finding.path, finding.detail) for finding in self.findings]


@dataclass(frozen=True)
class _FileCheck:
    path: str
    size: int = 0
    digest: bytes = b""
    finding: PreflightFinding | None = None


def check(
    source: Any,
    *,
    include: str | Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    storage_options: Mapping[str, Any] | None = None,
) -> Preflight:
    """Read and decode every file of a source, and send nothing; takes 32 bytes and a path of memory a file.

    Sources are those of `upload`. Pictures are decoded whole and the headers of videos are read, by the rules of the
    embedded platform. A duplicate is a file whose bytes came before.

    Raises:
        ConfigurationError: a source cannot be one.
    """
    options = UploadOptions(include=include, exclude=exclude, storage_options=storage_options)
    request = UploadRequest(source, options)
    first: dict[bytes, str] = {}
    findings, files, size = [], 0, 0
    for checked in _check_all(Entries(request)):
        files += 1
        size += checked.size
        finding = checked.finding
        if checked.digest and first.setdefault(checked.digest, checked.path) != checked.path:
            same = f"has the same content as {first[checked.digest]}"
            finding = finding or PreflightFinding(checked.path, FileProblem.DUPLICATE, same)
        if finding is not None:
            findings.append(finding)
    return Preflight(files, size, tuple(findings), request.remarks.passed_over)


def _check_all(entries: Iterable[Entry]) -> Iterator[_FileCheck]:
    with ThreadPoolExecutor(THREADS, thread_name_prefix="datalake-ops-check") as pool:
        ahead: deque[Future[_FileCheck]] = deque()
        for entry in entries:
            ahead.append(pool.submit(_check, entry))
            if len(ahead) > AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _check(entry: Entry) -> _FileCheck:
    if (stamp := entry.content.stamp()) is not None and stamp[0] == 0:
        return _FileCheck(entry.path, finding=PreflightFinding(entry.path, FileProblem.EMPTY, "has no bytes"))
    try:
        file = entry.content.open()
        digest = _digest(file)
    except DatalakeError as error:
        return _FileCheck(entry.path, finding=PreflightFinding(entry.path, FileProblem.UNREADABLE, str(error)))
    problem = _problem(file)
    finding = PreflightFinding(entry.path, *problem) if problem is not None else None
    return _FileCheck(entry.path, file.size, digest, finding)


def _problem(file: OpenFile) -> tuple[FileProblem, str] | None:
    """Problem of a file that can be read whole: its kind, or damage."""
    head = file.read(0, min(SNIFF_BYTES, file.size))
    kind = file_type(file.name, head)
    if not is_media(kind):
        return FileProblem.UNSUPPORTED, f"is neither image nor video by its name ({kind})"
    if kind.startswith("video/"):
        return _video_problem(file, sniff(head))
    # Pillow takes a moment to import, and `datalake-ops upload --help` does without it.
    from datalake_ops.pictures.formats import readable_types, unsupported_reason
    from datalake_ops.pictures.inspection import UnreadablePictureError, UnsupportedPictureError, verify

    if sniff(head) is None and kind not in readable_types():
        return FileProblem.UNSUPPORTED, unsupported_reason(kind)
    try:
        verify(as_stream(file))
    except UnsupportedPictureError as error:
        return FileProblem.UNSUPPORTED, str(error)
    except UnreadablePictureError as error:
        return FileProblem.UNDECODABLE, str(error)
    return None


def _video_problem(file: OpenFile, kind: str | None) -> tuple[FileProblem, str] | None:
    """Problem of a file that is a video by its content, or at least by its name."""
    from datalake_ops.pictures.formats import unsupported_reason
    from datalake_ops.pictures.video import VIDEOS, UnreadableVideoError, video_size

    if kind is None:
        return FileProblem.UNDECODABLE, "the content is neither an image nor a video of a known kind"
    if kind not in VIDEOS:
        return FileProblem.UNSUPPORTED, unsupported_reason(kind)
    try:
        video_size(as_stream(file), kind)
    except UnreadableVideoError as error:
        return FileProblem.UNDECODABLE, str(error)
    return None


def _digest(file: OpenFile) -> bytes:
    digest = hashlib.sha256()
    for start in range(0, file.size, _SLICE_BYTES):
        digest.update(file.read(start, min(start + _SLICE_BYTES, file.size)))
    return digest.digest()
