"""Command line of the safety net: `python -m prefect_tasks.safety deploy --pool POOL`, or `serve`."""

from prefect_tasks.safety.deploy import main

if __name__ == "__main__":
    raise SystemExit(main())
