"""Waiting for jobs: one verdict on how a job ended, one schedule of polls, a blocking and an awaiting waiter."""
