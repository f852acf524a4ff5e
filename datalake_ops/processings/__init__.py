"""Programs that the platform runs on data: `python -m datalake_ops.processings.quality_tagging` and its neighbours.

They are what a user's own processing would be: started with `api_token`, `organization_id`, `job_id` and `host` in the
environment, they learn from their job what to do and speak to the platform by its HTTP API only.
"""
