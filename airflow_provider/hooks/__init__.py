"""Hooks: what makes the shared datalake hook from an Airflow connection."""
