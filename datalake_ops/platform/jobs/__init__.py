"""What the platform does in its own time: imports in threads, processings as supervised programs."""
