"""What the DAG processor does with these operators: import them cheaply, and parse every example."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider.get_provider_info import get_provider_info
from datalake_ops.testing.airflow import load_dags
from tests.airflow.versions import EXAMPLES

HEAVY = ("httptools", "PIL", "requests", "fastapi", "datalake_ops.hook", "datalake_ops.upload", "datalake_ops.client")


def test_importing_the_operators_imports_nothing_heavy() -> None:
    info = get_provider_info()
    modules = ["airflow_provider.decorators", "airflow_provider.pipeline"] + [
        name for kind in ("hooks", "operators", "sensors", "triggers") for name in info[kind][0]["python-modules"]
    ]
    # Airflow's own imports are not ours to answer for.
    code = f"""
import json, sys
import airflow_provider.compat
airflow_provider.compat.BaseOperator
before = set(sys.modules)
for name in {modules!r}:
    __import__(name)
print(json.dumps([name for name in {HEAVY!r} if name in set(sys.modules) - before]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_parses_into_the_dag_of_its_name(path: Path) -> None:
    assert list(load_dags(path)) == [path.stem]


def test_the_dag_of_the_readme_has_at_most_twelve_lines() -> None:
    tree = ast.parse((EXAMPLES / "ingest_and_process.py").read_text())
    dag = next(node for node in tree.body if isinstance(node, ast.FunctionDef))

    assert (dag.end_lineno or 0) - dag.decorator_list[0].lineno + 1 <= 12
