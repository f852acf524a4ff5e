"""Catalog of a lake: listing, registration, changes, metadata rules, tags and sources."""
