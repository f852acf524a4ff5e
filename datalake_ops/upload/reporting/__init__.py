"""Report of an upload: one row per file, failure policy, export, retry."""
