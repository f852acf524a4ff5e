"""Bounded concurrency: AIMD window, task pool, event-loop thread."""
