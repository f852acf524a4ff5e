"""Object storage: uploaded objects, the lake's bucket, signed addresses, and probing of files."""
