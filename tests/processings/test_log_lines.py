"""Lines that a processing writes to its job's log: one for each call, and none by the decoder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from datalake_ops.processings.contract import log

READ_FACTS = """
import sys
from pathlib import Path
from datalake_ops.pictures.inspection import read_facts

with Path(sys.argv[1]).open("rb") as file:
    print(read_facts(file).width)
"""


def test_a_line_break_in_a_name_is_written_as_an_escape(capsys: pytest.CaptureFixture[str]) -> None:
    log("a\nb\x85c.jpg: dark")

    assert capsys.readouterr().out == "a\\nb\\x85c.jpg: dark\n"


def test_a_large_picture_is_read_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (12_000, 8_000)).save(path)

    said = subprocess.run(
        [sys.executable, "-c", READ_FACTS, str(path)], capture_output=True, text=True, check=True, timeout=240
    )

    assert (said.stdout, said.stderr) == ("12000\n", "")
