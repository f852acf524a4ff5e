"""What the platform remembers: the tables, and the one door to them."""
