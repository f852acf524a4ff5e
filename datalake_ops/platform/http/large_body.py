"""Parsing of large bodies in a process of their own, so that requests go on being answered meanwhile."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

from datalake_ops.platform.http.errors import RefusalError, bad_request

_SECONDS = 120.0
_COMMAND = (sys.executable, "-m", "datalake_ops.platform.http.large_body_worker")


def parse_apart(model: type[Any], tagged: bool, raw: bytes | bytearray) -> Any:
    """Parse and validate a JSON body in a process of its own; to be called in a worker thread.

    Raises:
        RefusalError: 400, it is not valid, or it takes the process too long or too much memory.
    """
    command = [*_COMMAND, model.__module__, model.__qualname__, "tagged" if tagged else "plain"]
    try:
        done = subprocess.run(command, input=raw, stdout=subprocess.PIPE, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise bad_request(f"Reading the body takes more than {_SECONDS:.0f} s; send less at a time.") from error
    # By the answer and not by the exit code, which another part of this process may have collected.
    if not done.stdout:
        raise bad_request("The body cannot be read here, for its size or its form; send less at a time.")
    refusal, value = pickle.loads(done.stdout)  # noqa: S301 - written by our own process
    if refusal is not None:
        raise RefusalError(*refusal)
    return value
