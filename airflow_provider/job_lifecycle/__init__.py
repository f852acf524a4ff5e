"""Life of a platform job under an Airflow task: start, wait, cancel, retry."""
