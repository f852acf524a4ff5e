"""Earlier path of `sources.hash_set`, which pickles of reports name."""

from datalake_ops.upload.sources.hash_set import HashSet as Marks  # noqa: F401
