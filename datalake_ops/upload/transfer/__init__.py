"""Transfer of one file: object name, bytes to the storage, registration."""
