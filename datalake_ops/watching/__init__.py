"""Change feeds: one poll of a lake for all watchers, filters for new data, and positions that survive restarts."""
