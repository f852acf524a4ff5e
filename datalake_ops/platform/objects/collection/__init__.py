"""Collection of uploaded objects that no row names."""
