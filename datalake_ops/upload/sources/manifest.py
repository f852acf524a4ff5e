"""Manifest: a file with one row per file to upload, read as it is needed."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Any

from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError, InvalidFileError
from datalake_ops.upload.sources.address_chain import AddressChain, split_address
from datalake_ops.upload.sources.entry import as_stream
from datalake_ops.upload.sources.manifest_row import (
    COLUMNS,
    Row,
    broken_row,
    from_cells,
    from_json,
    read_row,
    unread_row,
)
from datalake_ops.upload.sources.remote import RemoteContent, is_address, local_path, remote_path
from datalake_ops.upload.sources.scope import Scope, is_relative
from datalake_ops.wire.model import Choice

# A line is read whole, so one without an end must not fill the memory.
LONGEST_LINE = 4 * 1024 * 1024
_PARQUET_ROWS = 4096
# Column that pandas adds for an index without a name.
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")


class ManifestFormat(Choice):
    """The formats of a manifest."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


_TITLES = {ManifestFormat.CSV: "CSV", ManifestFormat.PARQUET: "Parquet"}
_FORM_OF = {
    ".jsonl": ManifestFormat.JSONL,
    ".ndjson": ManifestFormat.JSONL,
    ".json": ManifestFormat.JSONL,
    ".csv": ManifestFormat.CSV,
    ".parquet": ManifestFormat.PARQUET,
    ".pq": ManifestFormat.PARQUET,
}


@dataclass(frozen=True)
class Manifest:
    """Manifest with one row per file: `path`, and optionally `metadata`, `custom_metadata`, `tags`, `source`, `size`.

    JSONL has one object per line. CSV has a header; its metadata are JSON objects, its tags and sizes JSON lists (or
    tags parted by `;`). Parquet needs pyarrow. In all of them null is no value, also that of a key within metadata.
    A relative path is below `base`, else below the manifest's own folder. `path` may be any fsspec URL. Without `form`
    the format follows from the name.

    No row reaches above that folder by `..`, nor a loopback or link-local address. A manifest that is read from an
    address, or is `foreign` (handed over by a run's parameter, or written by somebody else), reaches that folder alone.
    `allow` names folders and addresses that the rows may reach besides.

    Raises:
        ConfigurationError: `allow` is no list of folders and addresses.
    """

    path: str
    form: ManifestFormat | str | None = None
    base: str | None = None
    allow: Sequence[str] = ()
    foreign: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", tuple(arguments.texts("allow", self.allow) or ()))

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as JSON values, without those that are not given; `from_json` reads them."""
        given = {"form": self.form and str(self.form), "base": self.base, "allow": list(self.allow)}
        told = {"path": self.path, **{name: value for name, value in given.items() if value not in (None, "", [])}}
        return {**told, "foreign": True} if self.foreign else told

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Manifest:
        """Return the manifest of a `to_json` value.

        Raises:
            ConfigurationError: the value is none.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigurationError(f"This is no manifest of a report: {values!r}") from error

    @property
    def format(self) -> ManifestFormat:
        """The format.

        Raises:
            ConfigurationError: it is unknown, or pyarrow is missing for it.
        """
        form = self.form or _FORM_OF.get(Path(self.path).suffix.lower())
        if form not in set(ManifestFormat):
            raise ConfigurationError(
                f"The format of the manifest {self.path} is unknown; give its form: jsonl, csv or parquet."
            )
        if form == ManifestFormat.PARQUET:
            parquet()
        return ManifestFormat(form)

    @property
    def folder(self) -> str:
        """The folder or address that relative paths are below; empty for the working directory."""
        if self.base is not None:
            return self.base
        if not is_address(self.path):
            return self.path.rpartition("/")[0] or ("/" if self.path.startswith("/") else "")
        chain = split_address(self.path)
        return chain.with_link(_folder_of(chain.link))

    @property
    def scope(self) -> Scope:
        """The paths and addresses that the rows may name."""
        return _scope(self.folder, tuple(self.allow), self.foreign or is_address(self.path), Path.cwd())

    def placed(self, path: str) -> str:
        """Return the path of a row, relative to the manifest, as it is opened.

        Raises:
            ValueError: the manifest may not reach it.
        """
        placed = self._joined(path) if is_relative(path) else path
        self.scope.check(path, placed)
        return placed

    def _joined(self, path: str) -> str:
        folder = self.folder
        if not folder:
            return path
        chain = split_address(folder) if is_address(folder) else AddressChain("", folder, "")
        separator = "" if chain.link.endswith("/") else "/"
        return chain.with_link(f"{chain.link}{separator}{path}")


@dataclass(frozen=True)
class Span:
    """Range of rows: from a position with a line number, `count` rows or all that follow."""

    position: int = 0
    line: int = 1
    count: int | None = None


def rows(manifest: Manifest, options: Mapping[str, Any] | None = None, span: Span | None = None) -> Iterator[Row]:
    """Yield the rows of a manifest, in order; an invalid one has an error that names its line. Blocks.

    Raises:
        ConfigurationError: the manifest cannot be read, or lacks the column `path`.
    """
    read = _READERS[manifest.format]
    span = span or Span()
    line = span.line
    with closing(_opened(manifest, options)) as stream:
        try:
            for row in read(manifest, stream, span):
                line = row.line + 1
                yield row
        except ConfigurationError:
            raise
        # Storages, decompressors and Parquet raise errors of their own. The rows before are being sent already.
        except Exception as error:  # noqa: BLE001
            yield unread_row(manifest.path, line, span.position, str(error))


def check_manifest(manifest: Manifest, options: Mapping[str, Any] | None = None) -> None:
    """Check that a manifest can be opened and has its columns.

    Raises:
        ConfigurationError: it cannot be read; nothing was sent.
    """
    next(rows(manifest, options, Span(count=1)), None)


def parquet() -> Any:
    """Return the module that reads and writes Parquet.

    Raises:
        ConfigurationError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigurationError("Parquet needs pyarrow: `pip install pyarrow`, or use JSONL.") from error
    return pyarrow.parquet


@lru_cache(maxsize=64)
def _scope(base: str, allow: tuple[str, ...], confined: bool, _directory: Path) -> Scope:
    # Not kept with a manifest, which travels pickled. A scope resolves its folders once, in one working directory.
    return Scope(base, allow, confined)


def _folder_of(link: str) -> str:
    protocol, _, path = link.partition("://")
    if protocol in ("http", "https"):
        path = path.partition("?")[0].partition("#")[0]
        # Without a path it is the server.
        return f"{protocol}://{path.rpartition('/')[0] or path}"
    return f"{protocol}://{path.rpartition('/')[0]}"


def _opened(manifest: Manifest, options: Mapping[str, Any] | None) -> IO[bytes]:
    try:
        if is_address(manifest.path):
            # Read like a file that is sent: by ranges, again when a read fails, and whole or not at all.
            return as_stream(RemoteContent(remote_path(manifest.path, options)).open())
        return Path(local_path(manifest.path)).open("rb")
    except (OSError, InvalidFileError) as error:
        raise ConfigurationError(f"The manifest {manifest.path} cannot be read: {error}") from error


def _jsonl(manifest: Manifest, stream: IO[bytes], span: Span) -> Iterator[Row]:
    stream.seek(span.position)
    position, line, left = span.position, span.line, span.count
    while left != 0 and (text := stream.readline(LONGEST_LINE)):
        at, line_at = position, line
        position += len(text)
        line += 1
        if not text.strip():
            continue
        left = None if left is None else left - 1
        yield read_row(manifest, line_at, at, partial(_parsed, text))


def _csv(manifest: Manifest, stream: IO[bytes], span: Span) -> Iterator[Row]:
    lines = _Lines(stream)
    header = _header(manifest, lines)
    if header:
        _check_columns(manifest, header)
    if span.position:
        lines.go_to(span.position, span.line)
    left = span.count
    reader = csv.reader(lines)
    while left != 0:
        at, line = lines.begin()
        # Each row takes from the stream only the lines it consists of, so that the next one begins where this one ends.
        try:
            cells = next(reader, None)
            stray = "a quote in it is not closed" if cells and lines.ended else ""
        except csv.Error as error:
            cells, stray = [""], str(error)
        if cells is None:
            return
        if not cells:
            continue
        left = None if left is None else left - 1
        yield broken_row(manifest.path, line, at, stray) if stray else _csv_row(manifest, line, at, (header, cells))
        if lines.number > line and (stray or len(cells) != len(header)):
            # A stray quote swallowed the following lines, and they are rows.
            lines.go_to(lines.second, line + 1)
            reader = csv.reader(lines)


def _header(manifest: Manifest, lines: _Lines) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader(lines), [])]
    except csv.Error as error:
        raise ConfigurationError(f"The header of the CSV manifest {manifest.path} cannot be read: {error}") from error


def _csv_row(manifest: Manifest, line: int, position: int, named: tuple[list[str], list[str]]) -> Row:
    return read_row(manifest, line, position, partial(from_cells, *named))


def _parquet(manifest: Manifest, stream: IO[bytes], span: Span) -> Iterator[Row]:
    from pyarrow import ArrowException

    try:
        file = parquet().ParquetFile(stream)
    except ArrowException as error:
        raise ConfigurationError(f"{manifest.path} is no Parquet file: {error}") from error
    names = [name for name in file.schema_arrow.names if not _PANDAS_INDEX.fullmatch(name)]
    _check_columns(manifest, names)
    end = None if span.count is None else span.position + span.count
    number = 0
    for group in range(file.metadata.num_row_groups):
        if end is not None and number >= end:
            return
        in_group = file.metadata.row_group(group).num_rows
        if number + in_group <= span.position:
            number += in_group
            continue
        for batch in file.iter_batches(_PARQUET_ROWS, row_groups=[group], columns=names):
            for values in _batch_rows(batch):
                if number >= span.position and (end is None or number < end):
                    yield read_row(manifest, number + 1, number, partial(dict, values))
                number += 1


def _batch_rows(batch: Any) -> list[dict[str, Any]]:
    unknown = [name for name in batch.schema.names if name not in COLUMNS]
    found: list[dict[str, Any]] = batch.select([name for name in batch.schema.names if name in COLUMNS]).to_pylist()
    for name in unknown:
        # A value there is an error, whatever it is.
        for row, is_given in zip(found, batch.column(name).is_valid().to_pylist(), strict=True):
            if is_given:
                row[name] = True
    return found


def _check_columns(manifest: Manifest, names: list[str]) -> None:
    what = f"The {_TITLES[manifest.format]} manifest {manifest.path}"
    if "path" not in names:
        raise ConfigurationError(f"{what} has no column `path`, but {', '.join(names)}.")
    if doubled := [name for name, count in Counter(names).items() if name and count > 1]:
        raise ConfigurationError(f"{what} has the column `{doubled[0]}` more than once; keep one of them.")


def _parsed(line: bytes) -> Any:
    return from_json(line.decode("utf-8-sig"))


class _Lines:
    """Iterator of lines of text, with the position after the last one."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.position = 0
        self.number = 0
        # Position of the second line of a row, and True once a line past the end was asked for.
        self.second = 0
        self.ended = False
        self._begun = 0

    def begin(self) -> tuple[int, int]:
        """Begin a row, and return its position and its line."""
        self._begun = self.number
        self.ended = False
        return self.position, self.number + 1

    def go_to(self, position: int, number: int) -> None:
        self._stream.seek(position)
        self.position, self.number = position, number - 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(LONGEST_LINE)
        if not line:
            self.ended = True
            raise StopIteration
        text = line.decode("utf-8-sig" if self.position == 0 else "utf-8", "surrogateescape")
        self.position += len(line)
        self.number += 1
        if self.number == self._begun + 1:
            self.second = self.position
        return text


_READERS = {ManifestFormat.JSONL: _jsonl, ManifestFormat.CSV: _csv, ManifestFormat.PARQUET: _parquet}
