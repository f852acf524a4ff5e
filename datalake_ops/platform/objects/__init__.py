"""Where the bytes are: uploaded objects, the lake's bucket, signed addresses, and what a file really holds."""
