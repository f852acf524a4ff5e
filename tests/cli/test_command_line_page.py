"""The page on the command line is true: its blocks run, in their order, and it names every command's document."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from datalake_ops.testing.server import PlatformServer

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text()


def test_the_blocks_of_the_page_run(datalake_platform: PlatformServer, lake: str, photos: Path) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    # The program of this environment, whatever else is installed.
    program = f'datalake-ops() {{ "{sys.executable}" -m datalake_ops.cli "$@"; }}\n'
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", program + "".join(blocks)],
        cwd=photos.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(blocks) == 6
    with datalake_platform.hook(datalake_name=lake) as hook:
        assert hook.count_data() == 2
        assert len(list((photos.parent / "copies").iterdir())) == 2
        assert {one.name for data in hook.iter_data() for one in hook.list_projections(data)} == {"gray", "thumbnail"}
