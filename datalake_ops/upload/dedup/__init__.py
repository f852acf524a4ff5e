"""Deduplication: comparison with the lake and the journal, so that no file is sent or registered twice."""
