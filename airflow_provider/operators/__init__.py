"""Operators, one file per resource."""
