"""What holds for every test."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import suppress

import pytest

from datalake_ops.testing.services import INSTALL, PostgresServer, missing_programs

# Importing the official SDK disables every logger there is; imported first, it finds none of ours.
with suppress(ModuleNotFoundError), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import picsellia  # noqa: F401

# A shell's background job is born deaf to Ctrl-C, and so would be the programs whose Ctrl-C tests try.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer | None]:
    """A PostgreSQL of the module's own, for an orchestrator's real processes; none where the machine has no PostgreSQL.

    They use SQLite then, whose locks end a scheduler at times: continuous integration must have it.
    """
    yield from _a_postgres()


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresServer | None]:
    """What `postgres` is, for processes that many modules share."""
    yield from _a_postgres()


def _a_postgres() -> Iterator[PostgresServer | None]:
    if missing := missing_programs():
        if os.environ.get("CI"):
            pytest.fail(f"{', '.join(missing)} is missing on this machine: {INSTALL}.")
        yield None
        return
    with PostgresServer() as server:
        yield server
