"""Earlier path of `sources.manifest`, which pickles of reports name."""

from datalake_ops.upload.sources.manifest import Manifest  # noqa: F401
from datalake_ops.upload.sources.manifest import ManifestFormat as Form  # noqa: F401
