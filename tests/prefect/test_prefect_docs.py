"""The Python of docs/prefect.md runs, one block after the other."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from datalake_ops.demo.photographs import SHIPPED
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from prefect_tasks import DatalakeCredentials, DatalakeJob

PAGE = Path(__file__).parents[2] / "docs" / "prefect.md"


@pytest.mark.usefixtures("prefect_api")
def test_the_page_runs(
    platform: PlatformServer, lake: DatalakeHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATALAKE_HOST", platform.url)
    monkeypatch.setenv("DATALAKE_API_TOKEN", platform.token)
    monkeypatch.setenv("DATALAKE_NAME", lake.context.datalake.name)
    prefix = f"{uuid4().hex[:8]}/"
    (platform.bucket / prefix).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photographs").mkdir()
    for number, photograph in enumerate(sorted(SHIPPED.glob("*.jpg"))[:2]):
        shutil.copy(photograph, platform.bucket / prefix)
        shutil.copy(photograph, tmp_path / "photographs" / f"{number}.jpg")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    file = tmp_path / "page.py"
    file.write_text("\n".join(blocks))

    try:
        names = runpy.run_path(str(file))

        assert len(names["nightly"](prefix)) == 2
        assert DatalakeJob.load("nightly-thumbnails").processing == "thumbnails"
        assert names["all_or_nothing"](str(platform.bucket / prefix)) == 2
    finally:
        DatalakeCredentials.delete("datalake")
