"""Plans how a source is spread over many workers, and joins what they report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.reporting.report import UploadReport
from datalake_ops.upload.reporting.report_builder import ReportWriter
from datalake_ops.upload.sources.entry import Content
from datalake_ops.upload.sources.manifest import Manifest, rows
from datalake_ops.upload.sources.resolver import SourceResolver, is_one
from datalake_ops.upload.sources.shard import FilePiece, FolderPiece, ManifestPiece, Piece, Shard
from datalake_ops.upload.sources.subset import Subset


@dataclass(frozen=True)
class _Unit:
    """One file of the plan: where it comes from, how it is named again, and its size."""

    origin: int
    piece: Piece
    bytes: int


def plan_shards(
    source: Any,
    *,
    max_files: int | None = None,
    max_bytes: int | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    storage_options: Mapping[str, Any] | None = None,
) -> list[Shard]:
    """Part a source into shards of at most `max_files` files and `max_bytes` bytes; every file is in exactly one.

    Only a file that alone is larger than `max_bytes` makes a larger shard. A shard names a slice of a folder's listing
    or a range of a manifest's rows, so it stays small however many files it has; a folder's slices never overlap, also
    when files come and go meanwhile. Sizes are asked for only with `max_bytes`.

    Raises:
        ConfigurationError: no limit, or one below 1; a stream, which cannot travel; a manifest that cannot be read.
        InvalidFileError: a folder or a pattern stands for no image or video.
    """
    limits = [limit for limit in (max_files, max_bytes) if limit is not None]
    if not limits or min(limits) < 1:
        raise ConfigurationError("Give plan_shards a max_files or a max_bytes of at least 1.")
    places = SourceResolver(tuple(include), tuple(exclude), storage_options)
    shards: list[Shard] = []
    for unit, joins in _with_joins(_units(source, places, max_bytes is not None)):
        size = unit.bytes if max_bytes is not None else None
        last = shards[-1] if shards else None
        fits = last is not None and last.files + 1 <= (max_files or last.files + 1)
        if last is not None and fits and (max_bytes is None or (last.bytes or 0) + unit.bytes <= max_bytes):
            shards[-1] = _grown(last, unit.piece, size, joins)
        else:
            shards.append(Shard((unit.piece,), 1, size))
    return shards


def merge_reports(reports: Iterable[UploadReport]) -> UploadReport:
    """The reports of all shards as one, in their order; its seconds are those of the slowest."""
    writer, seconds, index = ReportWriter(), 0.0, 0
    notes: list[str] = []
    for report in reports:
        for row in report.files:
            writer.add(index, row)
            index += 1
        notes.extend(report.notes)
        seconds = max(seconds, report.seconds)
    return writer.finish(seconds, tuple(dict.fromkeys(notes)))


def merge_summaries(summaries: Iterable[Mapping[str, Any]], max_ids: int = 100) -> dict[str, Any]:
    """The summaries of all shards as one, for workers that hand on only those."""
    merged = UploadReport(()).summary()
    listed: dict[str, list[Any]] = {"data_ids": [], "errors": []}
    for one in summaries:
        for name in ("files", "unready", "doubled", "bytes", "data_ids_left_out", "errors_left_out"):
            # A summary of an earlier release lacks some of these.
            merged[name] += one.get(name, 0)
        merged["counts"] = {status: count + one["counts"][status] for status, count in merged["counts"].items()}
        merged["seconds"] = max(merged["seconds"], one["seconds"])
        for name, values in listed.items():
            values.extend(one[name])
        merged["notes"] = list(dict.fromkeys([*merged["notes"], *one.get("notes", ())]))
    for name, values in listed.items():
        merged[name] = values[:max_ids]
        merged[f"{name}_left_out"] += len(values[max_ids:])
    merged["bytes_per_second"] = round(merged["bytes"] / merged["seconds"]) if merged["seconds"] else 0
    return merged


def size_of(content: Content) -> int:
    """The size of a file in bytes, as a listing or the disk tells it; 0 when it is not there. Blocks."""
    stamp = content.stamp()
    return stamp[0] if stamp else 0


def _units(source: Any, places: SourceResolver, sized: bool) -> Iterator[_Unit]:
    for origin, one in enumerate([source] if is_one(source) else source):
        if isinstance(one, (Shard, Mapping, Subset)):
            raise ConfigurationError("A shard is not parted again; plan the whole source with smaller limits.")
        places.check(one)
        if isinstance(one, Manifest):
            form = str(one.format)
            for row in rows(one, places.options):
                size = size_of(places.file(row.path).content) if sized and row.error is None else 0
                yield _Unit(origin, ManifestPiece(one.path, form, one.base, row.position, row.line, 1), size)
        elif (tree := places.tree(one)) is not None:
            if not places.travels(one):
                raise ConfigurationError(f"{one!r} cannot travel to a worker; give its address as text.")
            name, chosen = tree.name, tree.selection
            for found in tree.files():
                piece = FolderPiece(name, found.parts, found.parts, 1, chosen.include, chosen.exclude)
                yield _Unit(origin, piece, size_of(found.content) if sized else 0)
        else:
            if not places.travels(one):
                raise ConfigurationError(f"{one!r} cannot travel to a worker; give a path or an address.")
            found = places.file(one)
            yield _Unit(origin, FilePiece(found.path), size_of(found.content) if sized else 0)


def _with_joins(units: Iterable[_Unit]) -> Iterator[tuple[_Unit, bool]]:
    # Whether a unit continues the one before it.
    before: int | None = None
    for unit in units:
        yield unit, unit.origin == before and not isinstance(unit.piece, FilePiece)
        before = unit.origin


def _grown(shard: Shard, piece: Piece, size: int | None, joins: bool) -> Shard:
    pieces = (*shard.pieces[:-1], _joined(shard.pieces[-1], piece)) if joins else (*shard.pieces, piece)
    return Shard(pieces, shard.files + 1, None if size is None else (shard.bytes or 0) + size)


def _joined(one: Piece, other: Piece) -> Piece:
    if isinstance(one, FolderPiece) and isinstance(other, FolderPiece):
        return replace(one, last=other.last, count=one.count + 1)
    if isinstance(one, ManifestPiece):
        return replace(one, count=one.count + 1)
    return one
