"""Imports from the lake's bucket: listing, registering and probing, in threads of the server."""
