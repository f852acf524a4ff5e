"""Lineage of the data: assets, lineage records, OpenLineage."""
