"""The lake's pages in a real browser: looking, filtering, tagging, launching, zooming, by keyboard and accessibly."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from datalake_ops.testing import PlatformServer
from tests.platform.images import a_jpeg
from tests.platform.lakes import LakeApi


def path(lake: LakeApi) -> str:
    return f"/{lake.organization}/datalake/{lake.lake['id']}"


@pytest.fixture
def seen(lake: LakeApi) -> LakeApi:
    """Three data: two tagged, one that is no picture."""
    blurred = lake.a_tag("blurred")
    lake.a_data("first.jpg", content=a_jpeg(640, 480), tags=[blurred])
    lake.a_data("second.jpg", content=a_jpeg(640, 480), tags=[blurred], custom_metadata={"line": 3})
    lake.a_data("broken.jpg", content=b"no picture")
    return lake


def check(page: Page) -> None:
    """Nothing that axe knows to keep people out, in the page as it is."""
    found = Axe().run(page)
    told = [
        (one["id"], one["help"], [node["html"] for node in one["nodes"]][:3]) for one in found.response["violations"]
    ]
    assert told == []


def test_pictures_are_seen_filtered_and_tagged(browser: Page, seen: LakeApi) -> None:
    browser.goto(path(seen))
    expect(browser.locator(".grid img")).to_have_count(3)
    drawn = "() => [...document.querySelectorAll('.grid img')].every(i => i.complete && i.naturalWidth > 0)"
    browser.wait_for_function(drawn)

    browser.get_by_label("Query").fill('tags.name = "blurred"')
    browser.keyboard.press("Enter")
    expect(browser.locator(".grid img")).to_have_count(2)
    browser.get_by_label("All on this page").check()
    browser.get_by_placeholder("tag", exact=True).fill("looked at")
    browser.get_by_role("button", name="Add tag").click()

    expect(browser.get_by_role("status")).to_have_text("2 data carry the tag looked at.")
    expect(browser.get_by_label("Query")).to_have_value('tags.name = "blurred"')
    assert seen.names('tags.name = "looked at"') == ["first.jpg", "second.jpg"]


def test_a_processing_is_launched_from_its_form(browser: Page, seen: LakeApi) -> None:
    browser.goto(path(seen))
    browser.get_by_label("Choose first.jpg").check()
    browser.get_by_role("button", name="Launch a processing").click()
    browser.get_by_label("thumbnails").check()
    browser.get_by_role("button", name="Go on").click()
    browser.get_by_label("max_side").fill("48")
    check(browser)

    with browser.expect_navigation() as opened:
        browser.get_by_role("button", name="Launch").click()

    job = re.search(r"/jobs/([0-9a-f-]{36})$", opened.value.url if opened.value else "")
    assert job, opened.value
    ended = seen.ended({"id": job[1]})
    assert (ended["status"], ended["processing_job"]["parameters"]["max_side"]) == ("SUCCEEDED", 48)


def test_one_data_is_looked_at_and_zoomed_by_keyboard(browser: Page, seen: LakeApi) -> None:
    browser.goto(path(seen))
    browser.get_by_role("link", name="second.jpg").click()
    expect(browser.get_by_role("heading", name="second.jpg")).to_be_visible()
    expect(browser.get_by_text("640 \u00d7 480")).to_be_visible()

    browser.locator("#zoom").focus()
    browser.keyboard.press("Enter")
    expect(browser.get_by_role("dialog")).to_be_visible()
    check(browser)
    browser.keyboard.press("Escape")

    expect(browser.get_by_role("dialog")).to_have_count(0)
    with browser.expect_download() as download:
        browser.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".jpg")


def test_data_are_deleted_after_a_question(browser: Page, seen: LakeApi) -> None:
    browser.goto(path(seen))
    browser.get_by_label("Choose broken.jpg").check()
    browser.get_by_role("button", name="Delete").click()
    check(browser)
    browser.get_by_role("button", name="Delete 1 data").click()

    expect(browser.get_by_role("status")).to_have_text("1 data were deleted.")
    assert seen.names() == ["first.jpg", "second.jpg"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_keep_nobody_out(browser: Page, seen: LakeApi, scheme: str) -> None:
    browser.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    data = next(item["id"] for item in seen.page()["items"])
    organization = f"/{seen.organization}"
    own = (path(seen), f"{path(seen)}?tag=none", f"{path(seen)}/data/{data}")
    for address in (*own, organization, f"{organization}/tokens", f"{organization}/jobs"):
        browser.goto(address)
        check(browser)


def test_the_sign_in_keeps_nobody_out(stranger_page: Page) -> None:
    stranger_page.goto("/sign-in")

    check(stranger_page)
    stranger_page.keyboard.press("Tab")
    assert stranger_page.evaluate("document.activeElement.textContent") == "Sign in"


def test_the_pages_are_read_and_changed_without_scripts(
    chromium: Browser, datalake_platform: PlatformServer, seen: LakeApi
) -> None:
    context = chromium.new_context(base_url=datalake_platform.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(path(seen))
    page.get_by_label("API token").fill(datalake_platform.token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Choose first.jpg").check()
    page.get_by_placeholder("tag", exact=True).fill("by hand")
    page.get_by_role("button", name="Add tag").click()

    expect(page.get_by_role("status")).to_have_text("1 data carry the tag by hand.")
    context.close()
