"""Object storage: names, signed addresses, multipart uploads, and the bytes at signed addresses."""
