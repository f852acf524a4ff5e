"""Entry point: parse the command line, run one command, turn its error into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import datalake_ops
from datalake_ops.cli import admin, completion, demo, doctor, processing, serve, upload
from datalake_ops.cli.data import change, listing, pictures, tagging
from datalake_ops.cli.jobs import control, start
from datalake_ops.errors import ConfigurationError, DatalakeError

DONE, FAILED, MISUSED = 0, 1, 2
# What a shell reports of a program that SIGINT ended.
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted."""
    parsed = parser().parse_args(upload.with_exif_word(sys.argv[1:] if arguments is None else arguments))
    try:
        code = parsed.run(parsed)
        sys.stdout.flush()
        return int(code)
    except ConfigurationError as error:
        return _say(error, MISUSED)
    except DatalakeError as error:
        return _say(error, FAILED)
    except KeyboardInterrupt:
        return _say("Interrupted.", INTERRUPTED)
    except BrokenPipeError:
        # `datalake-ops list | head` closes the pipe; Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    program = argparse.ArgumentParser(
        prog="datalake-ops",
        description="Drive a visual datalake, or serve one.",
        epilog="Connection: --host and --token, or DATALAKE_HOST and DATALAKE_API_TOKEN. "
        "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.",
    )
    program.add_argument("--version", action="version", version=f"datalake-ops {datalake_ops.__version__}")
    commands = program.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for room in (serve, demo, upload, listing, tagging, change, pictures, start, control, processing, doctor, admin):
        room.add_commands(commands)
    completion.add_commands(commands, program)
    return program


def _say(error: BaseException | str, code: int) -> int:
    # One line, also when a platform's answer had several: scripts and logs read lines.
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"datalake-ops: {text}", file=sys.stderr)
    return code
