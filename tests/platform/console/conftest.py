"""Visitors of the console: one of plain HTTP, and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from datalake_ops.testing import PlatformServer
from tests.platform.console.visitor import Visitor

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def visitor(datalake_platform: PlatformServer) -> Visitor:
    """Who has signed in with the platform's token."""
    made = Visitor(datalake_platform.url)
    made.sign_in(datalake_platform.token)
    return made


# Not for the session: Playwright's event loop would run beside those of the tests that come after.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing on this machine: apt-get install chromium.")
        pytest.skip("needs Chromium: apt-get install chromium")
    # Root, as in containers, may not have its sandbox.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=Path(program), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def stranger_page(chromium: Browser, datalake_platform: PlatformServer) -> Iterator[Page]:
    """A window of a browser that has not signed in; what its console complains of fails the test."""
    context = chromium.new_context(base_url=datalake_platform.url)
    page = context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.text} ({message.location.get('url')})")

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def browser(stranger_page: Page, datalake_platform: PlatformServer) -> Page:
    """A window of a browser that has signed in."""
    stranger_page.goto("/sign-in")
    stranger_page.get_by_label("API token").fill(datalake_platform.token)
    stranger_page.get_by_role("button", name="Sign in").click()
    stranger_page.wait_for_url("**/*-*")
    return stranger_page
