"""Signing in to the console: what it takes, what it keeps, and how it ends."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page

from datalake_ops.platform.store.tokens import digest
from datalake_ops.testing import PlatformServer
from tests.platform.console.visitor import Visitor
from tests.platform.lakes import LakeApi


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformServer]:
    """A platform whose access log and database are looked at."""
    log = tmp_path_factory.mktemp("log") / "access.log"
    with PlatformServer(arguments=["--access-log", str(log)]) as running:
        running.access_log = log  # type: ignore[attr-defined]
        yield running


@pytest.fixture
def newcomer(server: PlatformServer) -> Visitor:
    return Visitor(server.url)


def change(server: PlatformServer, statement: str, *values: object) -> int:
    with closing(sqlite3.connect(server.home / "datalake.db", timeout=30)) as database:
        database.execute("PRAGMA foreign_keys=ON")
        count = database.execute(statement, values).rowcount
        database.commit()
        return count


def code_address(server: PlatformServer) -> str:
    # It is printed a moment after the platform is ready.
    deadline = time.monotonic() + 60
    while not (found := re.findall(r"console +(\S+)\s", server.log)):
        assert time.monotonic() < deadline, server.log
        time.sleep(0.05)
    return str(found[-1])


def test_the_page_that_was_asked_for_opens_after_the_sign_in(server: PlatformServer, newcomer: Visitor) -> None:
    wanted = f"/{LakeApi(server).organization}?a=1&b=%22x%22"

    form = newcomer.get(wanted)
    opened = newcomer.sign_in(server.token, form.all("input", name="next")[0]["value"])

    assert form.status == 200
    assert form.path.startswith("/sign-in?")
    assert (opened.status, opened.path) == (200, wanted)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://example.org/",
        "//example.org/",
        "/\\example.org",
        "/\t/example.org",
        "javascript:alert(1)",
        "example.org",
    ],
)
def test_a_sign_in_leads_to_no_other_site(server: PlatformServer, newcomer: Visitor, elsewhere: str) -> None:
    newcomer.get("/sign-in")

    opened = newcomer.post("/sign-in", {"token": server.token, "next": elsewhere}, allow_redirects=False)

    assert (opened.status, opened.answer.headers["Location"]) == (303, "/")


def test_the_cookie_holds_an_id_that_is_not_the_token_and_no_script_reads_it(
    server: PlatformServer, newcomer: Visitor
) -> None:
    opened = newcomer.post("/sign-in", {"token": server.token}, allow_redirects=False)
    header = opened.answer.headers["Set-Cookie"]
    (cookie,) = newcomer.session.cookies

    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in header.split(";")}
    assert server.token not in header
    with closing(sqlite3.connect(server.home / "datalake.db")) as database:
        stored = database.execute("SELECT digest FROM console_session").fetchall()
    assert (digest(str(cookie.value)),) in stored


def test_the_cookie_is_for_https_only_where_that_is_how_browsers_come() -> None:
    with PlatformServer(arguments=["--public-url", "https://lake.example.org"]) as server:
        form = {"token": server.token}
        answer = requests.post(f"{server.url}/sign-in", data=form, allow_redirects=False, timeout=60)

    header = answer.headers["Set-Cookie"]
    assert header.startswith("__Host-datalake_")
    assert "Secure" in header


def test_a_session_ends_with_its_token(server: PlatformServer, newcomer: Visitor) -> None:
    token = server.add_organization("ends-with-its-token")["token"]
    before = newcomer.sign_in(token)

    change(server, "DELETE FROM token WHERE digest = ?", digest(token))
    after = newcomer.get(before.path)

    assert (before.status, before.path.count("-")) == (200, 4)
    assert after.path.startswith("/sign-in?")


@pytest.mark.parametrize("table", ["console_session", "token"])
def test_a_session_expires_and_so_does_one_of_a_token_that_expires(
    server: PlatformServer, newcomer: Visitor, table: str
) -> None:
    token = server.add_organization(f"expires-by-{table}")["token"]
    newcomer.sign_in(token)
    column = "digest" if table == "token" else "token_digest"

    assert change(server, f"UPDATE {table} SET expires_at = 1 WHERE {column} = ?", digest(token)) == 1
    after = newcomer.get("/")

    assert after.path.startswith("/sign-in")


def test_who_signs_out_is_out_also_with_the_old_cookie(server: PlatformServer, newcomer: Visitor) -> None:
    newcomer.sign_in(server.token)
    kept = newcomer.session.cookies.copy()

    out = newcomer.post("/sign-out")
    newcomer.session.cookies = kept  # type: ignore[assignment]

    assert "You have signed out." in out.text
    assert newcomer.get("/").path.startswith("/sign-in")


def test_a_wrong_token_opens_nothing_and_many_wrong_ones_are_throttled() -> None:
    with PlatformServer() as server:
        visitor = Visitor(server.url)
        answers = [visitor.sign_in("dlo_wrong") for _ in range(11)]
        right = visitor.sign_in(server.token)

    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert "not known here" in answers[0].text
    assert right.status == 429
    assert not list(visitor.session.cookies)


def test_the_token_of_a_job_opens_no_console(server: PlatformServer, newcomer: Visitor) -> None:
    token, job = "dlo_of_a_job", b"j" * 16
    columns = "digest, organization_id, user_id, job_id, created_at, is_admin"
    statement = f"INSERT INTO token ({columns}) SELECT ?, organization_id, user_id, ?, 1, 0 FROM token LIMIT 1"
    assert change(server, statement, digest(token), job) == 1

    refused = newcomer.sign_in(token)

    assert refused.status == 403
    assert "job" in refused.text
    assert newcomer.get("/").path.startswith("/sign-in")


def test_the_printed_address_signs_in_once_and_is_in_no_log(server: PlatformServer, newcomer: Visitor) -> None:
    address = code_address(server)
    second = Visitor(server.url)

    opened, again = newcomer.get(address), second.get(address)

    assert opened.status == 200
    assert re.fullmatch("/[0-9a-f-]{36}", opened.path)
    assert again.status == 403
    assert "has been used" in again.text
    assert server.token not in server.log
    code = address.partition("code=")[2]
    access_log: Path = server.access_log  # type: ignore[attr-defined]
    assert "/sign-in/code" in access_log.read_text()
    assert code not in access_log.read_text()


def test_the_printed_address_ends_after_its_time() -> None:
    with PlatformServer() as server:
        address = code_address(server)
        assert change(server, "UPDATE console_code SET expires_at = 1") == 1

        late = Visitor(server.url).get(address)

    assert late.status == 403


def test_a_form_without_its_proof_changes_nothing(server: PlatformServer, newcomer: Visitor) -> None:
    newcomer.sign_in(server.token)
    proof = newcomer.csrf
    other = Visitor(server.url)
    other.sign_in(server.token)

    refused = [
        newcomer.post("/sign-out", {"csrf": ""}),
        newcomer.post("/sign-out", {"csrf": other.csrf}),
        newcomer.post("/sign-out", {"csrf": proof}, headers={"Sec-Fetch-Site": "cross-site"}),
        newcomer.post("/sign-out", {"csrf": proof}, headers={"Origin": "https://example.org"}),
        newcomer.post("/sign-in", {"token": server.token}, headers={"Origin": "https://example.org"}),
    ]

    assert [page.status for page in refused] == [403] * 5
    assert newcomer.get("/").status == 200
    assert newcomer.get("/").path != "/sign-in"


def test_the_pages_of_another_organization_are_not_there(server: PlatformServer, newcomer: Visitor) -> None:
    other = server.add_organization("another-organization")["organization_id"]
    newcomer.sign_in(server.token)

    answers = [newcomer.get(f"/{other}"), newcomer.get(f"/{other}/jobs/x"), newcomer.get("/" + "0" * 8 + other[8:])]

    assert [page.status for page in answers] == [404] * 3
    assert all(page.answer.headers["content-type"].startswith("text/html") for page in answers)


def test_the_console_shadows_no_address_of_the_api(server: PlatformServer, newcomer: Visitor) -> None:
    newcomer.sign_in(server.token)

    answers = [newcomer.get(path) for path in ("/api/home/ping", "/nothing", "/health")]

    assert [page.status for page in answers] == [401, 404, 200]
    assert all(page.answer.headers["content-type"] == "application/json" for page in answers)


def test_a_page_is_confined_and_kept_by_nobody(server: PlatformServer, newcomer: Visitor) -> None:
    headers = newcomer.get("/sign-in").answer.headers

    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert server.url in policy["img-src"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_files_of_pages_are_kept_by_browsers_under_the_name_of_their_content(newcomer: Visitor) -> None:
    page = newcomer.get("/sign-in")
    sheet = newcomer.get(page.all("link", rel="stylesheet")[0]["href"])
    earlier = newcomer.get("/static/0123456789abcdef/console.css")

    assert "immutable" in sheet.answer.headers["Cache-Control"]
    assert earlier.html == sheet.html
    assert earlier.answer.headers["Cache-Control"] == "no-cache"
    assert newcomer.get("/static/0123456789abcdef/none.css").status == 404


def test_a_browser_signs_in_and_out(stranger_page: Page, datalake_platform: PlatformServer) -> None:
    page = stranger_page
    page.goto("/")
    page.get_by_label("API token").fill(datalake_platform.token)
    page.keyboard.press("Enter")

    page.get_by_role("heading", name="Lakes").wait_for()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_text("You have signed out.").wait_for()
