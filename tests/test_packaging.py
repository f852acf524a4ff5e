"""What is shipped, and how the environments are made."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[PurePosixPath]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return [PurePosixPath(name) for name in archive.namelist()]


@pytest.fixture
def setup(tmp_path: Path) -> ModuleType:
    """The set-up script, working in a folder of the test's own."""
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "scripts" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "requirements/core.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    module.ROOT = tmp_path
    return module


def test_only_the_three_packages_are_in_the_wheel(wheel: list[PurePosixPath]) -> None:
    tops = {path.parts[0] for path in wheel}

    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "datalake_ops",
        "airflow_provider",
        "prefect_tasks",
    }


def test_the_wheel_holds_types_photographs_and_their_licences(wheel: list[PurePosixPath]) -> None:
    photographs = PurePosixPath("datalake_ops/demo/photographs")

    assert {
        PurePosixPath(f"{package}/py.typed") for package in ("datalake_ops", "airflow_provider", "prefect_tasks")
    } <= {*wheel}
    assert photographs / "LICENCES.md" in wheel
    assert sum(path.parent == photographs and path.suffix == ".jpg" for path in wheel) >= 20
    assert not [path for path in wheel if path.suffix in (".pyc", ".pyo")]


def test_the_wheel_holds_the_pages_of_the_console(wheel: list[PurePosixPath]) -> None:
    console = PurePosixPath("datalake_ops/platform/console")
    folders = (ROOT / console / "templates", ROOT / console / "static")

    assert {PurePosixPath(file.relative_to(ROOT)) for folder in folders for file in folder.iterdir()} <= {*wheel}
    assert console / "templates" / "base.html" in wheel


def test_every_photograph_has_its_licence_noted() -> None:
    folder = ROOT / "datalake_ops" / "demo" / "photographs"
    noted = re.findall(r"^\| (\S+\.jpg) \| [^|]+ \| ([^|]+) \|", (folder / "LICENCES.md").read_text(), re.MULTILINE)

    assert sorted(name for name, _ in noted) == sorted(path.name for path in folder.glob("*.jpg"))
    assert {licence for _, licence in noted} == {"CC0 1.0", "CC BY 2.0", "CC BY 4.0", "public domain"}


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("console_scripts", "datalake-ops"),
        ("apache_airflow_provider", "provider_info"),
        ("prefect.collections", "datalake_ops"),
        ("pytest11", "datalake_ops"),
    ],
)
def test_the_entry_points_are_installed(group: str, name: str) -> None:
    (found,) = [
        point for point in entry_points(group=group, name=name) if point.dist and point.dist.name == "datalake-ops"
    ]

    assert importlib.util.find_spec(found.module) is not None


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda file: file.stem)
def test_requirements_are_pinned_and_name_no_address(file: Path) -> None:
    lines = file.read_text().splitlines()

    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==[^ ]+( ;.*)?$", line), line


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "requirements").glob("*.in")))
def test_every_environment_has_what_the_package_depends_on(setup: ModuleType, name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in setup.EXTRAS[name] for one in project["optional-dependencies"][extra]),
    ]
    pinned = [Requirement(line) for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()]
    versions = {canonicalize_name(one.name): [str(part.version) for part in one.specifier] for one in pinned}

    lacking = [
        text for text in wanted
        if (one := Requirement(text)) and canonicalize_name(one.name) != "datalake-ops"
        and not any(one.specifier.contains(version) for version in versions.get(canonicalize_name(one.name), []))
    ]  # fmt: skip

    assert lacking == []


def test_an_environment_depends_on_its_requirements_and_the_metadata_only(setup: ModuleType) -> None:
    project = setup.ROOT / "pyproject.toml"
    before = setup.fingerprint("core")

    project.write_text(project.read_text().replace("line-length = 120", "line-length = 100"))
    after_a_linter_setting = setup.fingerprint("core")
    project.write_text(project.read_text().replace('"requests>=2.32"', '"requests>=2.33"'))
    after_a_dependency = setup.fingerprint("core")

    assert after_a_linter_setting == before
    assert after_a_dependency != before


def test_an_orchestrator_that_is_older_than_this_python_gets_one_that_it_runs_on(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup.sys, "version_info", (3, 13, 0, "final", 0))

    assert [setup.interpreter(name) for name in ("airflow", "airflow31", "airflow211")] == [
        sys.executable,
        sys.executable,
        "3.12",
    ]


def test_every_environment_has_its_requirements_and_nothing_else_has(setup: ModuleType) -> None:
    files = (ROOT / "requirements").iterdir()

    assert {file.name for file in files} == {
        "tools.txt", *(f"{name}.{kind}" for name in setup.EXTRAS for kind in ("in", "txt")),
    }  # fmt: skip


def test_an_environment_that_lost_a_file_is_not_whole(setup: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "core"
    packages = folder / "lib" / "python3.11" / "site-packages"
    for name in ("pydantic", "requests"):
        (packages / name).mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable)
    setup.write_stamp(folder, setup.fingerprint("core"))
    made = setup.is_whole(folder, setup.read_stamp(folder))

    (packages / "pydantic").rmdir()
    broken = setup.is_whole(folder, setup.read_stamp(folder))
    (folder / "stamp.json").write_text('{"fingerprint":')
    half_made = setup.is_whole(folder, setup.read_stamp(folder))

    assert (made, broken, half_made) == (True, False, False)
