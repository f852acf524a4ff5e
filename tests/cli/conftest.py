"""A lake of each test's own, named in the environment, and the command line as a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.cli import main
from datalake_ops.testing.server import PlatformServer


@pytest.fixture
def lake(datalake_platform: PlatformServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lake of the test's own, named in the environment as a user would name it."""
    name = f"lake-{uuid4().hex[:8]}"
    datalake_platform.add_lake(name)
    monkeypatch.setenv("DATALAKE_HOST", datalake_platform.url)
    monkeypatch.setenv("DATALAKE_API_TOKEN", datalake_platform.token)
    monkeypatch.setenv("DATALAKE_NAME", name)
    return name


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three pictures, 64, 65 and 66 pixels wide."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.effect_noise((64 + number, 48), 80).save(folder / f"photo {number}.jpg")
    return folder


@pytest.fixture
def uploaded(lake: str, photos: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The ids of the three pictures in the lake, tagged `night`, from `camera-one`."""
    assert main(["upload", str(photos), "--tag", "night", "--source", "camera-one", "--json"]) == 0
    capsys.readouterr()
    assert main(["list", "--ids", "--order-by", "filename"]) == 0
    return capsys.readouterr().out.split()


@pytest.fixture
def as_json(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command with `--json` that must succeed, and read what it printed."""

    def run(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*words, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run
