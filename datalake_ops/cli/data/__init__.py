"""Commands on data: find, list, count, tag, change, delete, download, and add projections."""
