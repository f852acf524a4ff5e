"""What holds for every test."""

from __future__ import annotations

import inspect
import os
import re
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


# Fixtures and names by which a test is known to start a server or a program.
_SERVER_FIXTURES = frozenset({"datalake_platform", "datalake_hook", "postgres", "shared_postgres", "pytester"})
_STARTS_PROGRAMS = re.compile(r"\b(subprocess\.|multiprocessing\.|\w+Server\()")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a server, so that the everyday loop can leave them out."""
    starting: dict[object, bool] = {}
    for item in items:
        module = getattr(item, "module", None)
        if module not in starting:
            starting[module] = module is not None and bool(_STARTS_PROGRAMS.search(inspect.getsource(module)))
        if starting[module] or _SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)


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
