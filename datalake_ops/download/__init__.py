"""Downloads: objects of the lake written to local files, checked and resumable."""
