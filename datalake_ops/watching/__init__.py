"""Following a lake: which data are new to whom, one poll for all who watch, and a place that survives restarts."""
