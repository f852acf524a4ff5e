"""The services of some tests: how they are found, and what is said where they are missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from datalake_ops.testing import services

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "services.py"


@pytest.mark.parametrize(("variables", "code"), [({}, 0), ({"CI": "true"}, 1)])
def test_a_machine_without_redis_is_told_what_to_install_and_fails_only_in_ci(
    tmp_path: Path, variables: dict[str, str], code: int
) -> None:
    # Without apt-get in the PATH nothing can be installed.
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={"PATH": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert "redis-server" in done.stdout
    assert services.INSTALL in done.stdout


def test_the_newest_postgresql_outside_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("9", "15", "16"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        (folder / "initdb").touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(services, "_PLACES", (f"{tmp_path}/*/bin",))

    assert services.find_program("initdb") == tmp_path / "16" / "bin" / "initdb"


def test_a_missing_program_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(RuntimeError, match=r"redis-server is not on this machine: apt-get install"):
        services.RedisServer().__enter__()
