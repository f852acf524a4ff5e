"""HTTP handlers: one module with a `router` per resource of the wire."""
