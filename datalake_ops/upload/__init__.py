"""Files into a lake and out of it: many at once, each with its own row in the report.

`engine` drives, `transfer` does one file, `storage` speaks to presigned addresses, and the rest decides purely.
"""
