"""The files and commands of docs/running-the-platform.md: checked by linters, and parsed by the command line."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from datalake_ops.cli.program import parser

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "running-the-platform.md").read_text()
INSTALLED = "/opt/datalake-ops/bin/datalake-ops"


@pytest.mark.parametrize("line", re.findall(r"^\$ datalake-ops (.*)$", PAGE, re.MULTILINE))
def test_every_command_of_the_page_is_one(line: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("dlo_token")

    arguments = parser().parse_args(shlex.split(line.replace("/etc/datalake-ops/token", str(tmp_path / "token"))))

    assert callable(arguments.run)


def test_the_unit_serves_with_options_that_exist(tmp_path: Path) -> None:
    unit = (DOCS / "deploy" / "datalake-ops.service").read_text().replace("\\\n", " ")
    (tmp_path / "token").write_text("dlo_token")
    (command,) = re.findall(rf"^ExecStart={INSTALLED} (.*)$", unit, re.MULTILINE)

    options = parser().parse_args(shlex.split(command.replace("%d", str(tmp_path))))

    assert (options.token, options.port) == ("dlo_token", 8443)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_the_unit_is_valid(tmp_path: Path) -> None:
    unit = (DOCS / "deploy" / "datalake-ops.service").read_text()
    (tmp_path / "datalake-ops.service").write_text(unit.replace(INSTALLED, sys.executable))

    checked = run("systemd-analyze", "verify", str(tmp_path / "datalake-ops.service"))

    # It reports other units of the machine too.
    assert [line for line in checked.stderr.splitlines() if "datalake-ops" in line] == []
    assert checked.returncode == 0


def test_the_dockerfile_is_valid() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    if not linter.exists():
        pytest.skip("hadolint has no package for this machine")

    checked = run(str(linter), "--no-color", str(DOCS / "deploy" / "Dockerfile"))

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_dockerfile_copies_what_exists_and_serves_with_options_that_exist() -> None:
    text = (DOCS / "deploy" / "Dockerfile").read_text()
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)

    options = parser().parse_args(re.findall(r'"([^"]+)"', command))

    assert all((DOCS.parent / path).exists() for paths in copied for path in paths)
    assert str(options.home) == "/data"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
