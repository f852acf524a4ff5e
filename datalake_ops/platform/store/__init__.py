"""Persistence: tables, connections, the writer, and the triggers that keep counts and changes."""
