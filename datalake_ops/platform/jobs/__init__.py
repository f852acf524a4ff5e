"""Background jobs: imports in threads, processings as supervised programs."""
