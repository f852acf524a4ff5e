"""Command-line options of `serve`, shared by `datalake-ops serve` and `python -m datalake_ops.platform`."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from datalake_ops.platform.settings import ServeOptions

DEFAULT_PORT = 8000
# Not DATALAKE_API_TOKEN, which may be the one for another platform.
TOKEN_VARIABLE = "DATALAKE_PLATFORM_TOKEN"  # noqa: S105 - the name of a variable.
DEFAULT_HOME = Path.home() / ".datalake-ops"
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]+):/", re.IGNORECASE)


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `serve` to a parser."""
    parser.add_argument("--home", type=folder, default=DEFAULT_HOME, help="folder of all data (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port; 0 selects a free one (%(default)s)")
    _add_token_arguments(parser)
    parser.add_argument("--bucket", type=folder, help="folder that serves as the lake's bucket (HOME/bucket)")
    parser.add_argument(
        "--lake", action="append", default=[], metavar="NAME", help="create this lake beside `default`; may be repeated"
    )
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="PEM file of the chain: serve HTTPS")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="PEM file of the certificate's private key")
    parser.add_argument("--public-url", help="base address of signed links (default: the request's)")
    parser.add_argument(
        "--link-seconds", type=_count, default=3600, help="lifetime of signed links in seconds (%(default)s)"
    )
    _add_program_arguments(parser)
    _add_service_arguments(parser)


def _add_program_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--program",
        type=_program,
        action="append",
        default=[],
        metavar="IMAGE=COMMAND",
        help="command line to run in place of a docker image; may be repeated",
    )
    parser.add_argument(
        "--program-env",
        type=_variable,
        action="append",
        default=[],
        metavar="NAME",
        help="environment variable of the server that programs get too; may be repeated",
    )
    parser.add_argument("--cpus", type=_count, help="processors for all running jobs (default: all of this machine)")
    parser.add_argument("--gpus", type=_count, help="GPUs for all running jobs (default: all of this machine)")


def _add_service_arguments(parser: argparse.ArgumentParser) -> None:
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
        "--fsync",
        action="store_true",
        help="answer a write once it is on the disk: a power loss takes nothing that was answered, at some cost",
    )
    parser.add_argument(
        "--unregistered-days",
        type=_days,
        default=7,
        metavar="DAYS",
        help="age at which an uploaded object is deleted that is no data, projection or log; 0 keeps it (%(default)s)",
    )
    parser.add_argument(
        "--enable-admin", action="store_true", help="add the admin routes: scripted faults, request journal"
    )


def _add_token_arguments(parser: argparse.ArgumentParser) -> None:
    token = parser.add_mutually_exclusive_group()
    token.add_argument(
        "--token-file",
        type=_token_in,
        dest="token",
        metavar="FILE",
        help=f"file of the admin's API token (or {TOKEN_VARIABLE}); without one the first start makes and prints it",
    )
    token.add_argument("--token", help="the token itself, which other users of this machine see in `ps`")


def options_from(arguments: argparse.Namespace) -> ServeOptions:
    """Convert parsed arguments to options."""
    return ServeOptions(
        home=arguments.home,
        host=arguments.host,
        port=arguments.port,
        token=arguments.token or os.environ.get(TOKEN_VARIABLE) or None,
        bucket=arguments.bucket,
        public_url=arguments.public_url,
        enable_admin=arguments.enable_admin,
        link_seconds=arguments.link_seconds,
        programs=dict(arguments.program),
        program_env=tuple(arguments.program_env),
        cpus=arguments.cpus,
        gpus=arguments.gpus,
        lakes=tuple(arguments.lake),
        certificate=arguments.tls_certificate,
        private_key=arguments.tls_key,
        request_seconds=arguments.request_seconds,
        access_log=arguments.access_log,
        fsync=arguments.fsync,
        unregistered_days=arguments.unregistered_days,
    )


def folder(text: str) -> Path:
    """Path of a folder, given as text.

    Raises:
        argparse.ArgumentTypeError: the text is blank, or the address of something else, such as `s3://name`.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("give the path of a folder, not a blank text")
    # One slash is enough: a path that was made of an address has lost the other.
    if address := _SCHEME.match(text):
        # The address itself is not repeated: it may hold a password.
        scheme = address[1]
        raise argparse.ArgumentTypeError(
            f"the platform keeps objects in folders, and {scheme}:// begins an address; give the path of a folder "
            f"(./{scheme}:/... for one that has this name)"
        )
    return Path(text)


def _token_in(path: str) -> str:
    try:
        token = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error}") from error
    if not token:
        raise argparse.ArgumentTypeError(f"{path} is empty")
    return token


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


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days <= 36_500:
        raise argparse.ArgumentTypeError(f"{text} is out of range; give 0 to 36500")
    return days


def _program(text: str) -> tuple[str, str]:
    image, _, command = text.partition("=")
    if not image or not command.strip():
        raise argparse.ArgumentTypeError(f"write it as IMAGE=COMMAND, not {text!r}")
    return image, command


def _variable(text: str) -> str:
    if not text or "=" in text:
        raise argparse.ArgumentTypeError(f"give the name of a variable alone, not {text!r}")
    if text not in os.environ:
        raise argparse.ArgumentTypeError(f"the variable {text} is not set")
    return text


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port; give 0 to 65535")
    return port
