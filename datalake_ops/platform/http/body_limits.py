"""Largest bodies that routes take, in bytes: what the largest legal call of each needs."""

KIBI = 1024
MEBI = 1024 * KIBI

# A few names and ids.
NAMES = 64 * KIBI
# One resource with its metadata or parameters, or 10,000 ids.
RESOURCE = MEBI
# A block of a program's log, or the 10,000 parts of an upload.
LINES = 4 * MEBI
# 10,000 names, or 500 resources.
MANY = 16 * MEBI
# A million and a half ids: callers do not split them.
IDS = 64 * MEBI
