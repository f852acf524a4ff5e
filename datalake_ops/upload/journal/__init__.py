"""Journal of an upload: steps of each file, kept so that a killed run can be resumed."""
