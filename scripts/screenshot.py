"""Take the README's picture of the console: a lake of the demo's photographs, tagged, in Chromium.

Run in the environment `core`: `.venvs/core/bin/python scripts/screenshot.py`. It writes docs/console.png.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from datalake_ops.testing import PlatformServer

ROOT = Path(__file__).resolve().parent.parent
PHOTOGRAPHS = ROOT / "datalake_ops" / "demo" / "photographs"
TARGET = ROOT / "docs" / "console.png"
SIZE = {"width": 1280, "height": 860}
DRAWN = "() => [...document.querySelectorAll('.grid img')].every(one => one.complete || one.loading === 'lazy')"


def main() -> int:
    """Fill a lake, look at it, and write the picture."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("Chromium is missing on this machine: apt-get install chromium.", file=sys.stderr)
        return 1
    with PlatformServer(admin=False) as server, server.hook() as hook:
        hook.upload_data(sorted(str(path) for path in PHOTOGRAPHS.glob("*.jpg")), tags=["demo"], source="camera")
        hook.wait_for_job(hook.launch_processing("quality-tagging", hook.list_data()))
        _take(program, server, hook.datalake_url())
    print(f"{TARGET.relative_to(ROOT)} is written.")
    return 0


def _take(program: str, server: PlatformServer, address: str) -> None:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=Path(program), args=arguments)
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(address)
        page.get_by_label("API token").fill(server.token)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_load_state("networkidle")
        page.wait_for_function(DRAWN)
        draft = Path(folder) / "console.png"
        page.screenshot(path=draft)
        browser.close()
        # 256 colours: a third of the bytes, and no difference that is seen.
        Image.open(draft).convert("RGB").quantize(256).save(TARGET, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
