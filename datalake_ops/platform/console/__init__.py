"""Console of the platform: pages that a browser shows, rendered by the server."""
