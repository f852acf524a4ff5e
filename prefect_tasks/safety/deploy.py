"""Deployment of the resumer and the reaper with their automations: into a work pool, or served by this process."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from prefect import serve

from datalake_ops.errors import ConfigurationError
from prefect_tasks.safety.automations import ZOMBIE_SECONDS, install_automations, safety_deployments

_DESCRIPTION = "Install what cancels jobs of lost runs and resumes suspended runs: `deploy --pool POOL`, or `serve`."


def serve_safety(
    zombie_after: float | None = ZOMBIE_SECONDS, watch_every: float = 300.0, reap_every: float = 900.0
) -> None:
    """Install the automations and run the job watcher and the reaper in this process, until it is ended.

    For servers whose flows are served too; with a work pool, `install_automations("pool")` needs no process.

    Args:
        zombie_after, watch_every, reap_every: seconds, see `install_automations`.
    """
    deployments = safety_deployments(watch_every, reap_every)
    for deployment in deployments:
        apply: Any = deployment.apply
        apply(_sync=True)
    install_automations(zombie_after=zombie_after)
    serve(*deployments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line of `python -m prefect_tasks.safety` and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    times: dict[str, Any] = {
        "zombie_after": options.zombie_after or None,
        "watch_every": options.watch_every,
        "reap_every": options.reap_every,
    }
    if options.what == "serve":
        serve_safety(**times)
        return 0
    if options.pool is None:
        parser.error("deploy needs --pool, the work pool that runs the watcher and the reaper")
    try:
        names = install_automations(options.pool, **times)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{name}\n" for name in names))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m prefect_tasks.safety", description=_DESCRIPTION)
    parser.add_argument(
        "what", choices=["deploy", "serve"], help="deploy into a work pool, or serve from this process until it ends"
    )
    parser.add_argument("--pool", help="work pool of the watcher and the reaper (deploy)")
    parser.add_argument(
        "--zombie-after", type=float, default=ZOMBIE_SECONDS,
        help="seconds without a heartbeat after which a run counts as crashed; 0 for never",
    )  # fmt: skip
    parser.add_argument("--watch-every", type=float, default=300.0, help="seconds between runs of the watcher")
    parser.add_argument("--reap-every", type=float, default=900.0, help="seconds between runs of the reaper")
    return parser
