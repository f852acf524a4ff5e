"""Embedded platform: the datalake wire on one machine, with SQLite and a folder.

It shares only `datalake_ops.wire` with the client, so that a mistake of one side is seen by the other.
"""
