"""Earlier path of `sources.streams`."""

from datalake_ops.upload.sources.streams import NamedStream  # noqa: F401
