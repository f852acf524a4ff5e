"""Administration of a home folder from the command line, while it is served or not."""
