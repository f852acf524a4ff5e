"""Safety net of jobs: state hooks, reaper of orphaned jobs, resumer of suspended runs."""
