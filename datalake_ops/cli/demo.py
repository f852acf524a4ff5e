"""`datalake-ops demo`: one pipeline, as an Airflow DAG and as a Prefect flow, on real photographs."""

from __future__ import annotations

import argparse
from pathlib import Path

from datalake_ops.cli.connection import Commands


def add_commands(commands: Commands) -> None:
    """Add the command."""
    what = "Run one pipeline as an Airflow DAG and as a Prefect flow (from a clone, after `make setup`)"
    command = commands.add_parser("demo", help=what, description=f"{what}.")
    command.add_argument("--images", type=Path, metavar="DIR", help="take your own images instead of the shipped ones")
    command.add_argument("--keep", action="store_true", help="leave the platform running and say how to stop it")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; 0 only when everything truly succeeded."""
    from datalake_ops.demo.run import Options, run_demo

    return run_demo(Options(images=arguments.images, keep=arguments.keep))
