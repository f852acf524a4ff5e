"""Sharding: spreads a source over many workers, and merges their reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError, EmptySourceError, InvalidFileError, NoDataError
from datalake_ops.upload.reporting.remarks import Remarks
from datalake_ops.upload.reporting.report import UploadReport
from datalake_ops.upload.reporting.report_builder import ReportBuilder
from datalake_ops.upload.sources.resolver import SourceResolver, is_source
from datalake_ops.upload.sources.shard import FilePiece, FolderPiece, ManifestPiece, Piece, Shard, SizedPiece


def plan_shards(
    source: Any,
    *,
    max_files: int | None = None,
    max_bytes: int | None = None,
    include: str | Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    storage_options: Mapping[str, Any] | None = None,
) -> list[Shard]:
    """Part a source into shards of at most `max_files` files and `max_bytes` bytes; every file is in exactly one.

    Only a file that alone is larger than `max_bytes` makes a larger shard. A shard names a slice of a folder's listing
    or a range of a manifest's rows, so it stays small however many files it has; a folder's slices never overlap, also
    when files come and go meanwhile. Sizes are asked for only with `max_bytes`.

    Raises:
        ConfigurationError: no limit, or one below 1; a stream, which cannot travel; a manifest that cannot be read.
        EmptySourceError: no folder or pattern has an image or video.
        InvalidFileError: one of several has none.
        NoDataError: `include` is given and empty.
    """
    if arguments.is_empty(include):
        raise NoDataError("`include` is empty and chooses no file; leave it out to take all images and videos.")
    limits = [limit for limit in (max_files, max_bytes) if limit is not None]
    if not limits or min(limits) < 1:
        raise ConfigurationError("Give plan_shards a max_files or a max_bytes of at least 1.")
    remarks = Remarks()
    options = SourceResolver.of(include, exclude, storage_options).options
    resolver = SourceResolver(replace(options, on_passed_over=remarks.pass_over))
    shards: list[Shard] = []
    empty: list[EmptySourceError] = []
    for sized, continues in _pieces(source, resolver, max_bytes is not None, empty):
        size = sized.bytes if max_bytes is not None else None
        last = shards[-1] if shards else None
        fits = last is not None and last.files + 1 <= (max_files or last.files + 1)
        if last is not None and fits and (max_bytes is None or (last.bytes or 0) + sized.bytes <= max_bytes):
            shards[-1] = _extended(last, sized.piece, size, continues)
        else:
            shards.append(Shard((sized.piece,), 1, size))
    for error in empty:
        raise InvalidFileError(str(error), error.path) if shards else error
    if shards:
        shards[0] = replace(shards[0], passed_over=tuple(sorted(remarks.passed_over.items())))
    return shards


def merge_reports(reports: Iterable[UploadReport]) -> UploadReport:
    """Merge the reports of all shards into one, in their order; its seconds are those of the slowest."""
    builder, seconds, index = ReportBuilder(), 0.0, 0
    notes: list[str] = []
    for report in reports:
        for row in report.files:
            builder.add(index, row)
            index += 1
        notes.extend(report.notes)
        seconds = max(seconds, report.seconds)
    return builder.finish(seconds, tuple(dict.fromkeys(notes)))


def merge_summaries(summaries: Iterable[Mapping[str, Any]], max_ids: int = 100) -> dict[str, Any]:
    """Merge the summaries of all shards into one, for workers that hand on only those."""
    merged = UploadReport(()).summary()
    lists: dict[str, list[Any]] = {"data_ids": [], "errors": []}
    for one in summaries:
        for name in ("files", "unready", "doubled", "bytes", "data_ids_left_out", "errors_left_out"):
            # A summary of an earlier release lacks some of these.
            merged[name] += one.get(name, 0)
        merged["counts"] = {status: count + one["counts"].get(status, 0) for status, count in merged["counts"].items()}
        merged["seconds"] = max(merged["seconds"], one["seconds"])
        for name, values in lists.items():
            values.extend(one[name])
        merged["notes"] = list(dict.fromkeys([*merged["notes"], *one.get("notes", ())]))
    for name, values in lists.items():
        merged[name] = values[:max_ids]
        merged[f"{name}_left_out"] += len(values[max_ids:])
    merged["bytes_per_second"] = round(merged["bytes"] / merged["seconds"]) if merged["seconds"] else 0
    return merged


def _pieces(
    source: Any, resolver: SourceResolver, sized: bool, empty: list[EmptySourceError]
) -> Iterator[tuple[SizedPiece, bool]]:
    """Yield the pieces of all files, each with True if it continues the piece before it; note the sources without."""
    for one in [source] if is_source(source) else source:
        continues = False
        resolved = resolver.resolve(one)
        resolved.check()
        try:
            for piece in resolved.pieces(sized):
                yield piece, continues
                continues = not isinstance(piece.piece, FilePiece)
        except EmptySourceError as error:
            empty.append(error)


def _extended(shard: Shard, piece: Piece, size: int | None, continues: bool) -> Shard:
    pieces = (*shard.pieces[:-1], _joined(shard.pieces[-1], piece)) if continues else (*shard.pieces, piece)
    return Shard(pieces, shard.files + 1, None if size is None else (shard.bytes or 0) + size)


def _joined(one: Piece, other: Piece) -> Piece:
    if isinstance(one, FolderPiece) and isinstance(other, FolderPiece):
        return replace(one, last=other.last, count=one.count + 1)
    if isinstance(one, ManifestPiece):
        return replace(one, count=one.count + 1)
    return one
