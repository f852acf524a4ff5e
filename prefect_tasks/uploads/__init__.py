"""Uploads of a flow: one task, or shards over many workers."""
