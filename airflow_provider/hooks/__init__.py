"""Hooks that make the shared datalake hook from an Airflow connection."""
