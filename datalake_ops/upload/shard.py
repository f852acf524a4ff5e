"""Earlier path of `sources.shard`, which pickles of reports name."""

from datalake_ops.upload.sources.shard import FilePiece, FolderPiece, ManifestPiece, Shard  # noqa: F401
