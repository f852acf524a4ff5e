"""Pages of home and imports: what a lake holds and grew by, folders of the bucket, and the job that takes them up."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page as Window
from playwright.sync_api import expect

from datalake_ops.testing import PlatformServer
from tests.platform.console.visitor import Visitor
from tests.platform.lakes import LakeApi


@pytest.fixture
def folder(datalake_platform: PlatformServer) -> str:
    """A folder of the bucket with two pictures, one of them a level deeper."""
    name = f"import-{uuid4().hex[:8]}"
    for path in (f"{name}/<b>one.png", f"{name}/deep/two.png"):
        target: Path = datalake_platform.bucket / path
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(target, "PNG")
    return name


@pytest.fixture
def address(lake: LakeApi) -> str:
    return f"/{lake.organization}/datalake/{lake.lake['id']}/imports"


def test_a_lake_tells_its_bytes_and_what_it_grew_by(stranger: LakeApi, datalake_platform: PlatformServer) -> None:
    stranger.a_data()
    visitor = Visitor(datalake_platform.url)
    visitor.sign_in(stranger.token)

    page = visitor.get("/")

    assert re.search(r"1 data, 2[.\d]* [kK]i?B", page.text), page.text[:300]
    (chart,) = page.all("svg", role="img")
    assert "1 data registered since" in chart["aria-label"]
    assert sum(1 for _ in page.all("rect")) == 14


def test_folders_are_looked_into_and_what_is_ticked_is_imported(
    lake: LakeApi, visitor: Visitor, folder: str, address: str
) -> None:
    top = visitor.get(f"{address}?folder={folder}/")
    assert [one["value"] for one in top.all("input", name="prefix")] == [f"{folder}/<b>one.png", f"{folder}/deep/"]
    assert "<b>one" not in top.html

    job = visitor.post(address, {"prefix": f"{folder}/deep/", "tags": "night, cam 1", "source": "bucket"})

    assert f"/{lake.organization}/jobs/" in job.path
    lake.ended({"id": job.path.rpartition("/")[2]})
    (data,) = lake.json("GET", f"{lake.path}/datas")["items"]
    assert data["filename"] == "two.png"
    assert sorted(tag["name"] for tag in data["tags"]) == ["cam 1", "night"]


@pytest.mark.parametrize("fields", [{}, {"prefix": ""}, {"prefix": "/"}, {"prefix": "../x"}])
def test_nothing_ticked_is_not_the_whole_bucket(
    lake: LakeApi, visitor: Visitor, folder: str, address: str, fields: dict[str, object]
) -> None:
    visitor.get(address)

    assert visitor.post(address, fields).status == 400
    assert lake.json("GET", f"{lake.path}/datas")["items"] == []


def test_a_folder_above_the_bucket_and_a_lake_of_others_are_not_shown(
    visitor: Visitor, address: str, stranger: LakeApi
) -> None:
    assert visitor.get(f"{address}?folder=../").status == 400
    other = f"/{stranger.organization}/datalake/{stranger.lake['id']}/imports"
    assert [visitor.get(other).status, visitor.post(other, {"everything": "yes"}).status] == [404, 404]


def test_an_import_is_made_in_a_browser(browser: Window, lake: LakeApi, folder: str, address: str) -> None:
    browser.goto(address)
    assert [one["id"] for one in Axe().run(browser).response["violations"]] == []
    browser.get_by_role("link", name=f"{folder}/").click()
    browser.get_by_label("Tick all").check()
    browser.get_by_label("Tags, with commas between them").fill("ticked")
    browser.get_by_role("button", name="Import").click()

    expect(browser.locator("#status")).to_have_text("SUCCEEDED", timeout=60_000)
    assert len(lake.json("GET", f"{lake.path}/datas")["items"]) == 2
    browser.goto("/")
    assert [one["id"] for one in Axe().run(browser).response["violations"]] == []
