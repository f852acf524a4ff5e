"""One file per resource of the wire; each has a `router`."""
