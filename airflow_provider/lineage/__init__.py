"""Lineage of the data: asset events and OpenLineage."""
