"""Waits for platform jobs: polling, suspension, cancellation."""
