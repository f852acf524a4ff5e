"""A platform, and a user's machine: a private HOME, with `docker` and `uv` on PATH."""

from __future__ import annotations

import os
import shlex
import stat
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.server import PYTHON_VARIABLE
from tests.picsellia.workshop import Workshop, a_picture

HERE = Path(__file__).resolve().parent
ORGANIZATION = "local"
# No engine runs here; the command line is told that its image is built and pushed.
_DOCKER = """#!/bin/sh
echo "$*" >> "$HOME/docker.log"
"""
# The packages of a template's environment are those of this suite, pinned and installed once.
_UV = f"""#!/bin/sh
test "$1" = venv || exit 0
{shlex.quote(sys.executable)} -m venv --without-pip .venv
printf '%s\\n' {shlex.quote(sysconfig.get_path("purelib"))} {shlex.quote(str(HERE / "stand_ins"))} \\
  > "$(ls -d .venv/lib/python*/site-packages)/suite.pth"
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of pipelines; programs that are registered when the platform starts are made in it later."""
    return tmp_path_factory.mktemp("pipelines")


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[PlatformServer]:
    """A platform on which the image `tests/NAME` stands for the folder NAME of a pipeline."""
    names = ("template", "edited", "engine", "tagging")
    command = "{0}/{1}/.venv/bin/python {0}/{1}/pipeline.py --mode picsellia"
    programs = [word for name in names for word in ("--program", f"tests/{name}={command.format(folder, name)}")]
    with PlatformServer(arguments=programs) as server:
        yield server


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of a user who has nothing but a private HOME, and the tools on PATH."""
    home, tools = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("tools")
    serve = f'#!/bin/sh\nexec {shlex.quote(str(_platform_scripts() / "datalake-ops"))} "$@"\n'
    for name, text in {"docker": _DOCKER, "uv": _UV, "datalake-ops": serve}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(stat.S_IRWXU)
    scripts = sysconfig.get_path("scripts")
    return {"HOME": str(home), "PATH": f"{tools}:{scripts}:/usr/bin:/bin", "LANG": "C.UTF-8"}


def _platform_scripts() -> Path:
    """Programs of the environment that serves the platform, which the tools' own cannot."""
    return Path(os.environ[PYTHON_VARIABLE]).parent


@pytest.fixture(scope="session")
def workshop(folder: Path, server: PlatformServer, environment: dict[str, str]) -> Workshop:
    """The folder, signed in to the platform as the environment CUSTOM."""
    workshop = Workshop(folder, environment)
    said = workshop.pipeline(
        *("login", "--organization", ORGANIZATION, "--env", "CUSTOM", "--token", server.token),
        answers=server.url + "\n",
    )
    assert f"org={ORGANIZATION} env=CUSTOM" in said
    return workshop


@pytest.fixture
def lake(server: PlatformServer, request: pytest.FixtureRequest) -> str:
    """Id of a lake of the test's own."""
    return server.add_lake(request.node.name)


@pytest.fixture
def hook(server: PlatformServer, lake: str, tmp_path: Path) -> Iterator[DatalakeHook]:
    """The test's lake, with four pictures that were uploaded one after the other: 0.jpg is the oldest."""
    with server.hook(datalake_id=lake) as hook:
        for number in range(4):
            hook.upload_data([a_picture(tmp_path / f"{number}.jpg", number)])
        yield hook
