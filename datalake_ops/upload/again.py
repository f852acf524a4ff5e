"""Earlier path of `reporting.retry_plan` and `sources.subset`, which pickles of reports name."""

from datalake_ops.upload.reporting.retry_plan import RetryPlan as Again  # noqa: F401
from datalake_ops.upload.sources.subset import Subset as Only  # noqa: F401
