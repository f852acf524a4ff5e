"""Kinds of sources: one class each, with the files and the shard pieces of a source."""
