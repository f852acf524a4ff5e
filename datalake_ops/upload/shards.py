"""Earlier path of `sharding`."""

from datalake_ops.upload.sharding import merge_reports, merge_summaries, plan_shards  # noqa: F401
