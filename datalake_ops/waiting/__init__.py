"""Waits: one outcome, one schedule of polls, blocking and asynchronous waits for jobs, and arrivals of data."""
