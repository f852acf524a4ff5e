"""HTTP/1.1 transport of the awaiting shell: responses parsed by httptools, connections kept by a pool."""
