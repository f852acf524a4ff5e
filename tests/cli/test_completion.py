"""Completion of words, asked of real shells that loaded the printed script."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from datalake_ops.cli import main

LINES = [
    (["d"], {"demo", "delete", "download", "doctor"}),
    (["processing", ""], {"add", "update", "list", "remove", "program", "-h", "--help"}),
    (["list", "--order"], {"--order-by"}),
    (["jobs", "--kind", ""], {"IMPORT", "PROCESSING"}),
    (["admin", "token", "c"], {"create"}),
    (["--host", "list", "--nothing"], set()),
    (["completion", "f"], {"fish"}),
]


def _is_left_out(shell: str) -> bool:
    # `scripts/services.py` installs the shells where CI runs: there the test fails without one.
    return shutil.which(shell) is None and not os.environ.get("CI")


@pytest.fixture
def script(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The script of a shell, in a file."""
    assert main(["completion", request.param]) == 0
    path = tmp_path / f"completion.{request.param}"
    path.write_text(capsys.readouterr().out)
    return path


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash_completes_commands_options_and_their_words(script: Path) -> None:
    ask = 'source "$1"; shift; COMP_WORDS=("datalake-ops" "$@"); COMP_CWORD=$#; _datalake_ops; echo "${COMPREPLY[@]}"'

    found = [set(output("bash", "-euc", ask, "bash", str(script), *words).split()) for words, _ in LINES]

    assert found == [expected for _, expected in LINES]
    assert "-F _datalake_ops datalake-ops" in output("bash", "-c", f'source "{script}"; complete -p datalake-ops')


@pytest.mark.skipif(_is_left_out("fish"), reason="no fish on this machine")
@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish_completes_commands_options_and_their_words(script: Path) -> None:
    for words, expected in LINES[:5]:
        line = " ".join(["datalake-ops", *words])
        answer = output("fish", "--no-config", "-c", f'source "{script}"; complete -C "{line}"')
        found = {row.split("\t")[0] for row in answer.splitlines()}

        assert {word for word in expected if not word.startswith("-")} <= found


@pytest.mark.skipif(_is_left_out("zsh"), reason="no zsh on this machine")
@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_takes_the_script(script: Path) -> None:
    ask = f'source "{script}"; print -r -- $_comps[datalake-ops]'

    assert "_datalake_ops" in output("zsh", "-f", "-c", ask)
