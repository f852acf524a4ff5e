"""Command-line options of `serve`, shared by `datalake-ops serve` and `python -m datalake_ops.platform`."""

from __future__ import annotations

import argparse
from pathlib import Path

from datalake_ops.platform.settings import ServeOptions

DEFAULT_PORT = 8000
_DEFAULT_HOME = Path.home() / ".datalake-ops"


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `serve` to a parser."""
    parser.add_argument("--home", type=Path, default=_DEFAULT_HOME, help="folder of all data (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port; 0 selects a free one (%(default)s)")
    parser.add_argument("--token", help="API token to accept; without it the first start prints one")
    parser.add_argument("--bucket", type=Path, help="folder that serves as the lake's bucket (HOME/bucket)")
    parser.add_argument(
        "--lake", action="append", default=[], metavar="NAME", help="create this lake beside `default`; may be repeated"
    )
    parser.add_argument("--public-url", help="base address of signed links (default: the request's)")
    parser.add_argument(
        "--link-seconds", type=_count, default=3600, help="lifetime of signed links in seconds (%(default)s)"
    )
    parser.add_argument(
        "--program",
        type=_program,
        action="append",
        default=[],
        metavar="IMAGE=COMMAND",
        help="command line to run in place of a docker image; may be repeated",
    )
    parser.add_argument("--cpus", type=_count, help="processors for all running jobs (default: all of this machine)")
    parser.add_argument("--gpus", type=_count, help="GPUs for all running jobs (default: all of this machine)")
    parser.add_argument(
        "--request-seconds",
        type=_seconds,
        default=60,
        help="seconds in which a request's head must arrive, and a body may stand still (%(default)s)",
    )
    parser.add_argument(
        "--access-log",
        metavar="FILE",
        help="append one line a request to this file; - is standard output (default: none)",
    )
    parser.add_argument(
        "--enable-admin", action="store_true", help="add the admin routes: scripted faults, request journal"
    )


def options_from(arguments: argparse.Namespace) -> ServeOptions:
    """Convert parsed arguments to options."""
    return ServeOptions(
        home=arguments.home,
        host=arguments.host,
        port=arguments.port,
        token=arguments.token,
        bucket=arguments.bucket,
        public_url=arguments.public_url,
        enable_admin=arguments.enable_admin,
        link_seconds=arguments.link_seconds,
        programs=dict(arguments.program),
        cpus=arguments.cpus,
        gpus=arguments.gpus,
        lakes=tuple(arguments.lake),
        request_seconds=arguments.request_seconds,
        access_log=arguments.access_log,
    )


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"{count} is negative; give 0 or more")
    return count


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is out of range; give 0.1 to 86400")
    return seconds


def _program(text: str) -> tuple[str, str]:
    image, _, command = text.partition("=")
    if not image or not command.strip():
        raise argparse.ArgumentTypeError(f"write it as IMAGE=COMMAND, not {text!r}")
    return image, command


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port; give 0 to 65535")
    return port
