"""Requests as values, and the two shells that send them.

Each resource has a module of pure functions that return an `Operation`; `Session` (blocking, requests) and
`AsyncSession` (awaiting, httptools) send any of them. Nothing else in datalake-ops speaks HTTP to the platform's API.
"""
