"""Pages of jobs: listed, looked at while they run, cancelled, with what failed; by plain HTTP and in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from datalake_ops.testing import PlatformServer
from tests.platform.console.visitor import Visitor
from tests.platform.job_lab import Lab
from tests.platform.lakes import LakeApi


@pytest.fixture
def guest(lab: Lab, job_server: PlatformServer) -> Visitor:
    """Who has signed in to the platform of the lab."""
    made = Visitor(job_server.url)
    made.sign_in(job_server.token)
    return made


def home(lab: Lab) -> str:
    return f"/{lab.api.organization}/jobs"


def test_the_address_that_the_hook_prints_opens_the_job(lab: Lab, guest: Visitor, job_server: PlatformServer) -> None:
    labels = '{"flow_run_id": "f-1", "run_url": "http://prefect.example.org/runs/flow-run/f-1"}'
    job = lab.launch({"X-Datalake-Job-Labels": labels}, parameters={"errors": ["<script>alert(1)</script>"], "code": 3})
    lab.api.ended(job)

    with job_server.hook() as hook:
        page = guest.get(hook.job_url(job["id"]))

    assert page.status == 200
    assert all(words in page.text for words in ("FAILED", "flow run f-1", "ends", "code", "alert(1)"))
    assert "<script>alert" not in page.html
    assert "http://prefect.example.org/runs/flow-run/f-1" in page.links


def test_jobs_are_listed_by_status_and_kind_and_by_pages(lab: Lab, guest: Visitor) -> None:
    jobs = [lab.launch(parameters={"code": code})["id"] for code in (0, 1)]
    for job in jobs:
        lab.api.ended({"id": job})

    def listed(query: str) -> list[str]:
        links = guest.get(f"{home(lab)}?{query}").links
        return [link.rpartition("/")[2] for link in links if link.startswith(f"{home(lab)}/")]

    everything = listed("")
    assert everything[:2] == jobs[::-1]
    assert jobs[1] in listed("status=FAILED&kind=PROCESSING")
    assert jobs[0] not in listed("status=FAILED")
    assert listed("kind=IMPORT") == []
    assert listed(f"before={jobs[1]}")[0] == jobs[0]
    assert guest.get(f"{home(lab)}?status=LOST").status == 400


def test_an_import_names_what_could_not_be_read(lab: Lab, guest: Visitor, job_server: PlatformServer) -> None:
    folder: Path = job_server.bucket / "half-good"
    folder.mkdir(parents=True)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    lake = lab.api.lake["id"]
    body = {"datalake_id": lake, "prefixes": ["half-good/"], "tag_ids": []}
    job = lab.api.json("POST", f"/api/datalake/{lake}/objects", body)["job"]
    lab.api.ended(job)

    page = guest.get(f"{home(lab)}/{job['id']}")

    assert "Data that could not be read" in page.text
    (link,) = [link for link in page.links if "/data/" in link]
    assert "broken.jpg" in guest.get(link).text


def test_the_jobs_of_another_organization_are_not_there(stranger: LakeApi, lab: Lab, visitor: Visitor) -> None:
    thumbnails = stranger.json("GET", f"/api/organization/{stranger.organization}/processings/find?name=thumbnails")
    body = {"processing_id": thumbnails["id"], "data_ids": [stranger.a_data()["id"]]}
    job = stranger.json("POST", f"{stranger.path}/processing/launch", body)["id"]
    own = visitor.get("/").path

    answers = [visitor.get(f"{own}/jobs/{job}"), visitor.get(f"{own}/jobs/{job}/log")]
    cancelled = visitor.post(f"{own}/jobs/{job}/cancel")

    assert [page.status for page in (*answers, cancelled)] == [404] * 3
    assert job not in visitor.get(f"{own}/jobs").html
    stranger.ended({"id": job})


def test_a_log_is_watched_while_the_job_runs_and_the_job_is_cancelled(
    chromium: Browser, lab: Lab, job_server: PlatformServer, tmp_path: Path
) -> None:
    first = lab.launch(parameters={"wait_for": str(tmp_path / "go"), "errors": ["before"]})
    lab.until_line(first, "before")
    context = chromium.new_context(base_url=job_server.url)
    page: Page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{home(lab)}/{first['id']}")
    page.get_by_label("API token").fill(job_server.token)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_label("Log of the job")).to_contain_text("before")
    assert "ends" not in page.get_by_label("Log of the job").inner_text()
    (tmp_path / "go").touch()
    expect(page.get_by_label("Log of the job")).to_contain_text("ends", timeout=60_000)
    expect(page.locator("#status")).to_have_text("SUCCEEDED", timeout=60_000)
    # The page has been read again.
    expect(page.get_by_role("button", name="Cancel the job")).to_have_count(0, timeout=60_000)
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []

    second = lab.launch(parameters={"wait_for": str(tmp_path / "never")})
    lab.until_line(second, "environment")
    page.goto(f"{home(lab)}/{second['id']}")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#status")).to_have_text("KILLED", timeout=60_000)
    page.goto(home(lab))
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []
    context.close()
    assert complaints == []
