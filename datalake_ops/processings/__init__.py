"""Programs that the platform runs on data: `python -m datalake_ops.processings.quality_tagging` and its neighbours.

They work as a user's own processing does: started with `api_token`, `organization_id`, `job_id` and `host` in the
environment, they read parameters and data from their job and use the platform's HTTP API only.
"""
