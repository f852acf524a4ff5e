"""Download of many data at once into a directory, whole or not at all."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.data import data_address
from datalake_ops.client.presigned import StorageAnswer, Tries, failure_of, host_of, receive
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.concurrency import loop_thread
from datalake_ops.concurrency.for_each import for_each
from datalake_ops.concurrency.limiter import DEFAULT_WORKERS, Limiter
from datalake_ops.config import Connection
from datalake_ops.download.existing_file import ExpectedContent
from datalake_ops.download.local_names import LocalNames
from datalake_ops.download.partial_file import PartialFile
from datalake_ops.errors import ConfigurationError, DatalakeError, DownloadError, NetworkError
from datalake_ops.lake import CONTENT_KEY, Lake
from datalake_ops.wire.data import Data
from datalake_ops.wire.log_lines import one_line

logger = logging.getLogger(__name__)
_NAMED = 5
_SHA256 = re.compile("[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class DownloadRequest:
    """Request to download data into a directory; a file that holds a data already is kept, unless `force_replace`.

    That is decided by size and by the SHA-256 in custom metadata under `content_key`, where there is one.

    Raises:
        ConfigurationError: `max_workers` is below 1.
    """

    data: Sequence[Data]
    directory: Path
    use_id: bool = False
    force_replace: bool = False
    max_workers: int | None = None
    content_key: str | None = CONTENT_KEY

    def __post_init__(self) -> None:
        if self.max_workers is not None and self.max_workers < 1:
            raise ConfigurationError(f"max_workers must be at least 1, got {self.max_workers}.")


def download_data(request: DownloadRequest, connection: Connection, lake: Lake) -> list[Path]:
    """Download every data of a request and return the files' paths, in order; blocks, also inside a running event loop.

    Two data of one file name do not collide, nor does one with another file of the directory: it gets its id in its
    name. A file is written under another name and renamed, so that it is always whole.

    Raises:
        DownloadError: some data could not be downloaded; it names them, and all others were.
    """
    try:
        request.directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"The directory {request.directory} cannot be created ({error.strerror}).") from error
    names = LocalNames(request.use_id)
    # The same data given twice is fetched once. Each has its first name before any asks for another.
    targets = {one.id: Target(one, request, names) for one in request.data}
    paths, failures = loop_thread.run(lambda: _download(list(targets.values()), request, connection, lake))
    if failures:
        named = {targets[one].first.name: error for one, error in failures.items()}
        raise DownloadError(_failure_text(named, len(request.data)), paths, failures)
    return [paths[one.id] for one in request.data]


class Target:
    """Local file of one data: its possible paths, and the content that it must have."""

    def __init__(self, data: Data, request: DownloadRequest, names: LocalNames) -> None:
        self.data = data
        self._request = request
        self._names = names
        self.first = next(self.paths())
        self.expected = ExpectedContent(data.file_size, _sha256_of(data, request.content_key), str(data.id))

    def paths(self) -> Iterator[Path]:
        """Yield paths without end, none of which another data of the request has."""
        return (self._request.directory / name for name in self._names.of(self.data))

    def kept(self) -> Path | None:
        """Return the path of a file that holds the data already; blocks."""
        return None if self._request.force_replace else self.expected.find(self.paths())

    def place(self, partial: PartialFile) -> Path:
        """Check a file that was fetched, and give it its name; blocks.

        Raises:
            DownloadError: it is not what the platform says.
        """
        partial.check(self.expected.size, self.expected.sha256)
        return partial.replace_target() if self._request.force_replace else partial.place(self.paths())


async def _download(
    targets: Sequence[Target], request: DownloadRequest, connection: Connection, lake: Lake
) -> tuple[dict[UUID, Path], dict[UUID, Exception]]:
    workers = min(request.max_workers or DEFAULT_WORKERS, len(targets))
    paths: dict[UUID, Path] = {}
    failures: dict[UUID, Exception] = {}

    async def keep(target: Target) -> None:
        # Reading what is there needs no connection, and may be all there is to do.
        if (path := await asyncio.to_thread(target.kept)) is not None:
            paths[target.data.id] = path

    await for_each(targets, keep, workers)
    wanted = [target for target in targets if target.data.id not in paths]
    if not wanted:
        return paths, failures
    gate = Limiter(workers, connection.retry.budget)
    async with AsyncSession(connection, lake.organization.id, pool_size=workers + 1, gate=gate) as session:

        async def fetch(target: Target) -> None:
            one = target.data
            try:
                paths[one.id] = await _fetch(session, one, target.first, target.place)
            except (DatalakeError, OSError) as error:
                logger.warning("Data %s (%s) could not be downloaded: %s", one.id, one_line(one.filename), error)
                failures[one.id] = error

        await for_each(wanted, fetch, workers)
    return paths, failures


async def fetch_data(session: AsyncSession, data: Data, path: Path) -> None:
    """Download one data to `path`, in place of a file that is there.

    Raises:
        DatalakeError, OSError: it failed; the bytes so far stay in a hidden file for the next attempt.
    """

    def place(partial: PartialFile) -> Path:
        partial.check(data.file_size, _sha256_of(data, CONTENT_KEY))
        return partial.replace_target()

    await _fetch(session, data, path, place)


async def _fetch(session: AsyncSession, data: Data, first: Path, place: Callable[[PartialFile], Path]) -> Path:
    """Download one data, and continue where an earlier attempt ended; return the path that `place` gave it.

    An address that is refused with 403 has expired: a new one is requested, once.

    Raises:
        DatalakeError, OSError: it failed; the bytes so far stay in a hidden file beside `first` for the next attempt.
    """
    with await asyncio.to_thread(PartialFile, first, data.id) as partial:
        try:
            answer = await _receive(session, data.presigned_url or await _address(session, data), partial)
            if answer.status == 403:
                answer = await _receive(session, await _address(session, data), partial)
        except BaseException:
            partial.keep()
            raise
        if answer.status != 416 or not partial.size:
            answer.accepted()
        return await asyncio.to_thread(place, partial)


def _sha256_of(data: Data, content_key: str | None) -> str | None:
    value = (data.custom_metadata or {}).get(content_key) if content_key is not None else None
    # Another program may keep another value under that key.
    return value.lower() if isinstance(value, str) and _SHA256.fullmatch(value) else None


async def _address(session: AsyncSession, data: Data) -> str:
    url = await session.send(data_address(data.id))
    if not url:
        raise DownloadError(f"The platform has no file for data {data.id} ({data.filename}).")
    return url


async def _receive(session: AsyncSession, url: str, partial: PartialFile) -> StorageAnswer:
    host = host_of(url)
    tries = Tries(session, host)
    while True:
        before = partial.size
        answer = await _receive_once(session, url, partial)
        if isinstance(answer, StorageAnswer) and answer.status == 416 and before and not _is_whole(answer, partial):
            partial.restart()
            continue
        if partial.size > before:
            # The attempts are counted from the last progress: a connection that is cut often still gets there.
            tries = Tries(session, host)
        failure = Failure(loss=Loss.CUT) if isinstance(answer, NetworkError) else failure_of(answer)
        if failure.is_transient and await tries.again(failure):
            continue
        if isinstance(answer, NetworkError):
            raise answer
        return answer


async def _receive_once(session: AsyncSession, url: str, partial: PartialFile) -> StorageAnswer | NetworkError:
    async def write(piece: bytes) -> None:
        await asyncio.to_thread(partial.write, piece)

    async def restart() -> None:
        await asyncio.to_thread(partial.restart)

    try:
        return await receive(session, url, write, partial.size, restart)
    except NetworkError as error:
        return error


def _is_whole(answer: StorageAnswer, partial: PartialFile) -> bool:
    # The range is empty when all bytes came before the end was noticed; else they are of another file.
    return answer.headers.get("content-range", "").removeprefix("bytes */") == str(partial.size)


def _failure_text(failures: dict[str, Exception], count: int) -> str:
    named = "; ".join(f"{name}: {error}" for name, error in list(failures.items())[:_NAMED])
    more = f"; and {len(failures) - _NAMED} more" if len(failures) > _NAMED else ""
    return f"{len(failures)} of {count} data were not downloaded: {named}{more}. All others were."
