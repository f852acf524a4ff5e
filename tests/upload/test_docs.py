"""The Python of docs/uploads.md runs, one block after the other."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from tests.upload.pictures import a_picture

PAGE = Path(__file__).parents[2] / "docs" / "uploads.md"


def test_the_page_runs(
    datalake_platform: PlatformServer,
    lake: DatalakeHook,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATALAKE_HOST", datalake_platform.url)
    monkeypatch.setenv("DATALAKE_API_TOKEN", datalake_platform.token)
    monkeypatch.setenv("DATALAKE_NAME", lake.context.datalake.name)
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(["a.jpg", "b.jpg", "thumbs/t.jpg", "c-draft.jpg"]):
        a_picture(tmp_path / "photos" / name, (40 + number, 30))
    a_picture(tmp_path / "archive" / "old.png")
    a_picture(tmp_path / "camera.png").rename(tmp_path / "camera.raw")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "empty.jpg").touch()
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    file = tmp_path / "page.py"
    file.write_text("\n".join(blocks))

    runpy.run_path(str(file))

    said = capsys.readouterr().out
    assert "{'UPLOADED': 4, 'SKIPPED': 0, 'FAILED': 0, 'UNPROCESSABLE': 0, 'UNSUPPORTED': 0}" in said
    assert "empty broken/empty.jpg has no bytes" in said
    assert "['photos/missing.jpg']" in said
