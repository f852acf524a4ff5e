"""The demo: real photographs through one pipeline, as an Airflow DAG and as a Prefect flow."""
