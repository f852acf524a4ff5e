"""HTTP side of the platform: authentication, request bodies, error answers, fault injection."""
