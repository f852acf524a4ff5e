"""An Airflow provider for a visual datalake: connection, hook, operators, sensor and trigger."""
