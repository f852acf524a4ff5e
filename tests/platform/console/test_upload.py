"""Page of uploads: the plain form, what it refuses, and the script that sends file by file."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, expect
from playwright.sync_api import Page as Window

from datalake_ops.platform.console.uploads.form import FILES
from datalake_ops.wire.uploads import PART_BYTES
from tests.platform.console.visitor import Page, Visitor
from tests.platform.images import a_jpeg
from tests.platform.lakes import LakeApi

PICTURE = a_jpeg(64, 48)
CUT = PICTURE[: len(PICTURE) // 2]


@pytest.fixture
def address(lake: LakeApi) -> str:
    return f"/{lake.organization}/datalake/{lake.lake['id']}/upload"


def data_of(lake: LakeApi) -> dict[str, dict[str, Any]]:
    """Data of a lake by file name."""
    return {one["filename"]: one for one in lake.page()["items"]}


def sent(visitor: Visitor, address: str, *files: tuple[str, bytes], **fields: object) -> Page:
    """Page that answers the plain form, with the proof before the files as a browser sends it."""
    return visitor.post(address, fields, files=[("files", file) for file in files])


def ask(visitor: Visitor, address: str, proof: str, **body: object) -> requests.Response:
    """Answer to a request of the page's script."""
    headers = {"X-CSRF-Token": proof}
    return visitor.session.post(visitor.url + address, json=body, headers=headers, timeout=120)


def test_home_and_lake_lead_to_the_upload(visitor: Visitor, address: str) -> None:
    assert address in visitor.get("/").links
    assert address in visitor.get(address.removesuffix("/upload")).links


def test_the_plain_form_adds_what_it_can_and_tells_of_each_file(lake: LakeApi, visitor: Visitor, address: str) -> None:
    visitor.get(address)

    page = sent(
        visitor,
        address,
        ("<b>one.jpg", PICTURE),
        ("notes.txt", b"no picture"),
        ("cut.jpg", CUT),
        ("empty.png", b""),
        ("large.png", b"\x89PNG\r\n\x1a\n" + bytes(PART_BYTES)),
        tags="night, cam 1",
        source="browser",
    )

    added = data_of(lake)
    assert {name: one["upload_status"] for name, one in added.items()} == {"<b>one.jpg": "DONE", "cut.jpg": "ERROR"}
    one = added["<b>one.jpg"]
    assert sorted(tag["name"] for tag in one["tags"]) == ["cam 1", "night"]
    assert one["data_source"]["name"] == "browser"
    assert f"{address.removesuffix('/upload')}/data/{one['id']}" in page.links
    assert "<b>" not in page.html
    assert "notes.txt 10 B REFUSED the content is neither an image nor a video of a known kind" in page.text
    assert f"ERROR {added['cut.jpg']['error_reason']}" in page.text
    assert "empty.png 0 B REFUSED the file is empty" in page.text
    assert "large.png 25.0 MiB REFUSED the file is larger than 25 MiB" in page.text


def test_a_form_of_another_session_is_refused_before_its_files(lake: LakeApi, visitor: Visitor, address: str) -> None:
    visitor.get(address)

    file, late = ("files", ("one.jpg", PICTURE)), ("csrf", (None, visitor.csrf))
    assert visitor.post(address, {"csrf": "made up"}, files=[file]).status == 403
    visitor.get(address)
    assert visitor.post(address, {"csrf": ""}, files=[file, late]).status == 403
    assert ask(visitor, f"{address}/sign", "made up", filename="a.png", size=1, head="00").status_code == 403
    assert ask(visitor, f"{address}/register", "", filename="a.png", object_name="a.png").status_code == 403
    assert data_of(lake) == {}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "multipart/form-data"),
        ([("files", ("", b""))], "No file was chosen"),
        ([("files", (f"{n}.jpg", PICTURE)) for n in range(FILES + 1)], f"at most {FILES} files"),
    ],
)
def test_a_form_without_files_or_with_too_many_adds_nothing(
    lake: LakeApi, visitor: Visitor, address: str, files: list[Any], words: str
) -> None:
    visitor.get(address)

    page = visitor.post(address, {}, files=files)

    assert page.status == 400
    assert words in page.text
    assert data_of(lake) == {}


def test_a_form_whose_length_is_unknown_or_too_large_is_refused(visitor: Visitor, address: str) -> None:
    visitor.get(address)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}

    unknown = visitor.session.post(visitor.url + address, data=iter([b"--b--"]), headers=headers, timeout=120)
    too_large = {**headers, "Content-Length": str((FILES + 1) * PART_BYTES)}
    answer = visitor.session.post(visitor.url + address, headers=too_large, timeout=120)

    assert [unknown.status_code, answer.status_code] == [411, 413]


def test_a_lake_of_others_takes_no_upload(visitor: Visitor, stranger: LakeApi) -> None:
    visitor.get("/")
    other = f"/{stranger.organization}/datalake/{stranger.lake['id']}/upload"

    assert visitor.get(other).status == 404
    assert sent(visitor, other, ("one.jpg", PICTURE)).status == 404
    assert ask(visitor, f"{other}/sign", visitor.csrf, filename="a.png", size=1, head="00").status_code == 404


def test_the_script_is_told_what_is_not_taken_before_it_sends(visitor: Visitor, address: str) -> None:
    visitor.get(address)
    head = PICTURE[:300].hex()

    text = ask(visitor, f"{address}/sign", visitor.csrf, filename="a.txt", size=9, head=b"some text".hex())
    large = ask(visitor, f"{address}/sign", visitor.csrf, filename="a.jpg", size=PART_BYTES + 1, head=head)
    tag = ask(visitor, f"{address}/sign", visitor.csrf, filename="a.jpg", size=300, head=head, tags="x" * 999)
    lost = ask(visitor, f"{address}/register", visitor.csrf, filename="a.jpg", object_name="data/none.jpg")

    assert text.json() == {"refused": "the content is neither an image nor a video of a known kind"}
    assert large.json()["refused"].startswith("the file is larger than 25 MiB")
    assert tag.status_code == 400
    assert "name of a tag" in tag.json()["message"]
    assert lost.status_code == 400
    visitor.session.cookies.clear()
    assert ask(visitor, f"{address}/sign", visitor.csrf, filename="a.jpg", size=1, head=head).status_code == 401


def test_dropped_files_are_chosen(browser: Window, address: str) -> None:
    browser.goto(address)

    browser.evaluate(
        """() => {
            const dataTransfer = new DataTransfer();
            for (const name of ["a.png", "b.png"]) dataTransfer.items.add(new File(["x"], name));
            const how = { dataTransfer, bubbles: true, cancelable: true };
            document.getElementById("upload").dispatchEvent(new DragEvent("drop", how));
        }"""
    )

    chosen = browser.get_by_label("Pictures and videos").evaluate("field => Array.from(field.files, (one) => one.name)")
    assert chosen == ["a.png", "b.png"]


def test_a_browser_sends_file_by_file(browser: Window, lake: LakeApi, address: str) -> None:
    chosen = {"<b>one.jpg": PICTURE, "two.jpg": a_jpeg(32, 32, 1), "cut.jpg": CUT, "notes.txt": b"no picture"}
    browser.goto(address)
    assert [one["id"] for one in Axe().run(browser).response["violations"]] == []

    browser.get_by_label("Tags, with commas between them").fill("dropped")
    browser.get_by_label("Pictures and videos").set_input_files(
        [FilePayload(name=name, mimeType="image/jpeg", buffer=content) for name, content in chosen.items()]
    )
    browser.get_by_role("button", name="Upload").click()

    expect(browser.locator("#told")).to_have_text("2 of 4 files added, 2 failed.", timeout=60_000)
    added = data_of(lake)
    rows = browser.locator("#rows tr")
    expect(rows).to_have_count(4)
    for name, state in {"<b>one.jpg": "DONE", "two.jpg": "DONE", "cut.jpg": "ERROR", "notes.txt": "REFUSED"}.items():
        expect(rows.filter(has_text=name)).to_contain_text(state)
    expect(rows.filter(has_text="cut.jpg")).to_contain_text(added["cut.jpg"]["error_reason"])
    assert set(added) == {"<b>one.jpg", "two.jpg", "cut.jpg"}
    assert [tag["name"] for tag in added["two.jpg"]["tags"]] == ["dropped"]
    assert [one["id"] for one in Axe().run(browser).response["violations"]] == []
    browser.get_by_role("link", name="two.jpg").click()
    browser.wait_for_url(f"**/data/{added['two.jpg']['id']}")
