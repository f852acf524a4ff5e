"""The test of a user's own DAG that docs/airflow.md shows, run as a user would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.newest_airflow("what it shows is what every test of DAGs here is made of")

ROOT = Path(__file__).parent.parent.parent


def test_the_documented_test_of_a_dag_passes(
    an_image: Callable[[str], Path], for_this_airflow: Callable[[str], str], tmp_path: Path
) -> None:
    section = (ROOT / "docs" / "airflow.md").read_text().split("\n## Testing your own DAGs\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", section, re.DOTALL)
    for name, code in blocks:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(for_this_airflow(code))
    for number in range(3):
        an_image(f"photos/{number}.png")

    # Airflow's settings of this session are not the user's; its own home comes from the documented conftest.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    environment = {**inherited, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert [name for name, _ in blocks] == ["conftest.py", "dags/nightly.py", "test_nightly.py"]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "1 passed" in done.stdout
