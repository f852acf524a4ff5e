"""The server itself: health, route documentation, and admin routes for tests."""
