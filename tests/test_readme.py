"""The README is true: its pipelines are the example files, its code runs, its names exist."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.cli.program import parser
from datalake_ops.config import ENVIRONMENT
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.server import PlatformServer

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLES = ["example_dags/airflow/ingest_and_process.py", "example_dags/prefect/ingest_and_process.py"]


def _block_after(marker: str) -> str:
    found = re.search(re.escape(marker) + r"\n```python\n(.*?)```", README, re.DOTALL)
    assert found, f"README has no Python block after {marker}"
    return found[1]


def _pipeline(file: str) -> str:
    """The decorated function of an example, without what stands around it."""
    text = (ROOT / file).read_text()
    (function,) = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    first = function.decorator_list[0].lineno
    return "\n".join(text.splitlines()[first - 1 : function.end_lineno]) + "\n"


def _section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _classes_and_functions(folder: str) -> set[str]:
    trees = (ast.parse(path.read_text()) for path in (ROOT / folder).rglob("*.py"))
    kinds = (ast.ClassDef, ast.FunctionDef)
    return {node.name for tree in trees for node in tree.body if isinstance(node, kinds)}


@pytest.mark.parametrize("file", EXAMPLES)
def test_a_pipeline_is_the_example_file_and_has_at_most_twelve_lines(file: str) -> None:
    block = _block_after(f"<!-- {file} -->")

    assert block == _pipeline(file)
    assert len(block.splitlines()) <= 12


def test_the_python_blocks_run(
    datalake_platform: PlatformServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = f"readme-{uuid4().hex[:8]}"
    datalake_platform.add_lake(lake)
    for name, value in {"HOST": datalake_platform.url, "API_TOKEN": datalake_platform.token, "NAME": lake}.items():
        monkeypatch.setenv(f"DATALAKE_{name}", value)
    (tmp_path / "photos").mkdir()
    for name in ("bridge", "harbour"):
        Image.effect_noise((80, 60), 90).save(tmp_path / "photos" / f"{name}.jpg")
    monkeypatch.chdir(tmp_path)
    (script,) = re.findall(r"```python\n(from datalake_ops import DatalakeHook.*?)```", README, re.DOTALL)

    exec(compile(script, "README.md", "exec"), {})

    with datalake_platform.hook(datalake_name=lake) as hook:
        assert hook.count_data(tags=["night"]) == 2


def test_the_fixture_of_the_readme_works(pytester: pytest.Pytester) -> None:
    (test,) = re.findall(r"```python\n(def test_my_pipeline.*?)```", README, re.DOTALL)
    (pytester.path / "photos").mkdir()
    Image.effect_noise((80, 60), 90).save(pytester.path / "photos" / "bridge.jpg")
    pytester.makepyfile(textwrap.dedent(test))

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=1)


def test_every_verb_of_the_table_exists_in_its_world() -> None:
    rows = [
        [re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|")]
        for line in _section("The verbs").splitlines()
        if line.startswith("| `") and "---" not in line
    ][1:]
    commands = parser().format_help()

    assert len(rows) >= 6
    for verbs, operators, tasks, words in rows:
        assert all(callable(getattr(DatalakeHook, verb)) for verb in verbs)
        assert set(operators) <= _classes_and_functions("airflow_provider")
        assert set(tasks) <= _classes_and_functions("prefect_tasks/tasks")
        assert all(f" {word.removeprefix('datalake-ops ')} " in commands for word in words)


def test_the_further_verbs_exist() -> None:
    sentence = re.search(r"The hook has more: (.*?), tags, sources", README, re.DOTALL)

    assert sentence
    assert all(hasattr(DatalakeHook, verb) for verb in re.findall(r"`(\w+)`", sentence[1]))


def test_the_variables_are_those_that_are_read() -> None:
    named = set(re.findall(r"`(DATALAKE_\w+)`", _section("Connect")))

    assert named == {variable for variables in ENVIRONMENT.values() for variable in variables[:1]}


def test_every_link_into_the_repository_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_make_words_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    words = set(re.findall(r"`make ([a-z-]+)", README + (ROOT / "CONTRIBUTING.md").read_text()))

    assert words
    assert all(re.search(rf"^{word}:", makefile, re.MULTILINE) for word in words)
