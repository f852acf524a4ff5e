"""State of a flow run: labels, idempotency keys, retries, rollback, watermarks."""
