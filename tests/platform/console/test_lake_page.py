"""The lake's page by plain HTTP: filters, pages, changes, launches, pictures, and what it never shows."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from io import BytesIO
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from xml.etree import ElementTree

import pytest
from PIL import Image

from datalake_ops.testing import PlatformServer
from tests.pictures.files import WHITE_OF_12_BITS
from tests.platform.console.visitor import Page, Visitor
from tests.platform.images import a_jpeg
from tests.platform.lakes import LakeApi

HOSTILE = '<script>alert("x")</script>&'


def path(lake: LakeApi, **query: Any) -> str:
    address = f"/{lake.organization}/datalake/{lake.lake['id']}"
    return f"{address}?{urlencode(query, doseq=True)}" if query else address


def names(page: Page) -> list[str]:
    assert page.status == 200, page.text
    return re.findall(r'<span class="name">([^<]+)</span>', page.html)


def test_a_lake_shows_names_tags_source_size_status_and_the_number(lake: LakeApi, visitor: Visitor) -> None:
    lake.a_data("a.jpg", tags=[lake.a_tag("front")], data_source_id=lake.a_source("camera-of-a-lake"))

    page = visitor.get(path(lake))

    assert names(page) == ["a.jpg"]
    assert all(words in page.text for words in ("front", "camera-of-a-lake", "64 \u00d7 48", "1 data"))


def test_the_address_that_the_hook_prints_opens_the_lake_filtered(
    lake: LakeApi, visitor: Visitor, datalake_platform: PlatformServer
) -> None:
    for name in ("a.jpg", "b.jpg"):
        lake.a_data(name)

    with datalake_platform.hook(datalake_name=lake.lake["name"]) as hook:
        page = visitor.get(hook.datalake_url('filename = "b.jpg"'))

    assert names(page) == ["b.jpg"]
    assert 'filename = "b.jpg"' in [field["value"] for field in page.all("input", name="q")]


@pytest.fixture
def varied(lake: LakeApi) -> LakeApi:
    """Five data, of different tags, sources, status and days."""
    night, front = lake.a_tag("night"), lake.a_tag("front")
    source = lake.a_source(f"camera-{lake.lake['id']}")
    lake.a_data("a.jpg", tags=[night])
    lake.a_data("b.jpg", tags=[night, front])
    lake.a_data("c.jpg", tags=[front], data_source_id=source)
    lake.a_data("d.jpg")
    lake.a_data("broken.jpg", content=b"no picture")
    return lake


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["broken.jpg", "d.jpg", "c.jpg", "b.jpg", "a.jpg"]),
        ({"q": 'filename != "d.jpg" and tags.name = "night"'}, ["b.jpg", "a.jpg"]),
        ({"tag": ["night", "front"]}, ["c.jpg", "b.jpg", "a.jpg"]),
        ({"tag": ["night", "front"], "match": "all"}, ["b.jpg"]),
        ({"tag": ["night"], "q": 'filename = "a.jpg" or filename = "c.jpg"'}, ["a.jpg"]),
        ({"tag": ["no such tag"]}, []),
        ({"status": "ERROR"}, ["broken.jpg"]),
        ({"order_by": "created_at"}, ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "broken.jpg"]),
        ({"order_by": "filename"}, ["a.jpg", "b.jpg", "broken.jpg", "c.jpg", "d.jpg"]),
        ({"order_by": "-filename", "tag": "night"}, ["b.jpg", "a.jpg"]),
        ({"since": "2020-01-01", "until": "2020-01-31"}, []),
        ({"since": "2020-01-01", "tag": "night"}, ["b.jpg", "a.jpg"]),
    ],
)
def test_filters_and_orders(varied: LakeApi, visitor: Visitor, query: dict[str, Any], found: list[str]) -> None:
    page = visitor.get(path(varied, **query))

    assert names(page) == found
    assert f"{len(found)} data" in page.text or not found


def test_a_source_is_a_filter(varied: LakeApi, visitor: Visitor) -> None:
    assert names(visitor.get(path(varied, source=f"camera-{varied.lake['id']}"))) == ["c.jpg"]


def test_days_of_registration_are_found_by_their_bounds() -> None:
    days = ["2025-03-01T00:00", "2025-03-01T23:59", "2025-03-02T12:00", "2025-03-05T00:00"]
    with PlatformServer() as server:
        lake, visitor = LakeApi(server), Visitor(server.url)
        ids = [lake.a_data(f"{number}.jpg")["id"] for number in range(len(days))]
        with closing(sqlite3.connect(server.home / "datalake.db", timeout=30)) as database:
            for one, day in zip(ids, days, strict=True):
                statement = "UPDATE data SET created_at = 1000000 * unixepoch(?) WHERE id = ?"
                database.execute(statement, (day, UUID(one).bytes))
            database.commit()
        visitor.sign_in(server.token)

        def found(**query: str) -> list[str]:
            return names(visitor.get(path(lake, order_by="created_at", **query)))

        assert found(since="2025-03-01", until="2025-03-01") == ["0.jpg", "1.jpg"]
        assert found(since="2025-03-02") == ["2.jpg", "3.jpg"]
        assert found(until="2025-03-02") == ["0.jpg", "1.jpg", "2.jpg"]
        assert found(since="2025-03-03", until="2025-03-04") == []


@pytest.mark.parametrize("order_by", ["-created_at", "created_at", "filename", "-filename"])
@pytest.mark.parametrize("tagged", [False, True])
def test_pages_follow_each_other_without_gap_or_double(
    datalake_platform: PlatformServer, visitor: Visitor, order_by: str, tagged: bool
) -> None:
    lake = a_lake_of_many(datalake_platform)
    query: dict[str, Any] = {"order_by": order_by, **({"tag": "even"} if tagged else {})}
    page = visitor.get(path(lake, **query))
    seen, pages = names(page), 1
    while following := page.all("a", rel="next"):
        page = visitor.get(following[0]["href"])
        seen, pages = [*seen, *names(page)], pages + 1

    number = 75 if tagged else 150
    assert (len(seen), pages) == (number, -(-number // 60))
    ordered = sorted(seen) if order_by.endswith("filename") else seen
    assert len(set(seen)) == number
    assert seen == (ordered[::-1] if order_by == "-filename" else ordered)
    assert f"{number} data" in page.text


_MANY: dict[str, LakeApi] = {}


def a_lake_of_many(server: PlatformServer) -> LakeApi:
    """A lake of 150 data, every second one tagged."""
    if server.url not in _MANY:
        lake = _MANY[server.url] = LakeApi(server, lake_id=server.add_lake("lake-of-many"))
        even = lake.a_tag("even")
        for number in range(150):
            name = f"{(number * 37) % 150:03}.jpg"
            lake.a_data(name, tags=[even] if number % 2 else [])
    return _MANY[server.url]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"q": "width >"}, "cannot be understood"),
        ({"order_by": "colour"}, "order_by"),
        ({"status": "NEW"}, "status"),
        ({"since": "yesterday"}, "since"),
        ({"match": "some"}, "match"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_a_filter_that_cannot_be_read_says_so_on_the_page(
    lake: LakeApi, visitor: Visitor, query: dict[str, str], words: str
) -> None:
    page = visitor.get(path(lake, **query))

    assert page.status == 400
    assert words in page.text
    assert page.all("form", role="search")


def test_ticked_data_are_tagged_and_untagged_and_the_filter_stays(varied: LakeApi, visitor: Visitor) -> None:
    page = visitor.get(path(varied, q='filename = "d.jpg"'))
    (box,) = page.all("input", name="data")

    tagged = visitor.post(f"{path(varied)}/tag", {"data": box["value"], "name": "new", "q": 'filename = "d.jpg"'})
    found = names(visitor.get(path(varied, tag="new")))
    untagged = visitor.post(f"{path(varied)}/untag", {"data": box["value"], "name": "new"})

    assert "1 data carry the tag new." in tagged.text
    assert tagged.path == path(varied, q='filename = "d.jpg"')
    assert found == ["d.jpg"]
    assert "taken off 1 data" in untagged.text
    assert names(visitor.get(path(varied, tag="new"))) == []


def test_all_that_match_are_tagged(varied: LakeApi, visitor: Visitor) -> None:
    visitor.get(path(varied))

    visitor.post(f"{path(varied)}/tag", {"scope": "matching", "tag": "night", "name": "dark"})

    assert names(visitor.get(path(varied, tag="dark"))) == ["b.jpg", "a.jpg"]


def test_data_are_deleted_only_after_a_question(varied: LakeApi, visitor: Visitor) -> None:
    page = visitor.get(path(varied, tag="night"))
    ticked = [box["value"] for box in page.all("input", name="data")]

    question = visitor.post(f"{path(varied)}/delete", {"data": ticked, "tag": "night"})
    before = names(visitor.get(path(varied)))
    visitor.post(f"{path(varied)}/delete", {"data": ticked, "sure": "yes"})

    assert "Delete 2 data" in question.text
    assert len(before) == 5
    assert names(visitor.get(path(varied))) == ["broken.jpg", "d.jpg", "c.jpg"]


def test_a_change_without_data_says_so(lake: LakeApi, visitor: Visitor) -> None:
    visitor.get(path(lake))

    answers = [visitor.post(f"{path(lake)}/{verb}", {"name": "x"}) for verb in ("tag", "untag", "delete", "launch")]

    assert [page.status for page in answers] == [400] * 4
    assert all("ticked" in page.text for page in answers)


def test_a_processing_is_launched_with_the_parameters_of_its_form(lake: LakeApi, visitor: Visitor) -> None:
    data = lake.a_data("a.jpg", content=a_jpeg(64, 48))["id"]
    visitor.get(path(lake))

    choice = visitor.post(f"{path(lake)}/launch", {"data": data})
    chosen = {label["value"] for label in choice.all("input", name="processing")}
    thumbnails = lake.json("GET", f"/api/organization/{lake.organization}/processings/find?name=thumbnails")["id"]
    form = visitor.post(f"{path(lake)}/launch", {"data": data, "processing": thumbnails})
    fields = {field["name"]: field.get("value", "") for field in form.all("input") if field["name"] != "csrf"}
    wrong = visitor.post(f"{path(lake)}/launch", {**fields, "parameter.max_side": "wide"})
    done = visitor.post(f"{path(lake)}/launch", {**fields, "parameter.max_side": "32"}, allow_redirects=False)
    again = visitor.post(f"{path(lake)}/launch", {**fields, "parameter.max_side": "32"}, allow_redirects=False)

    assert thumbnails in chosen
    assert (wrong.status, "max_side is a number" in wrong.text) == (400, True)
    where = done.answer.headers["Location"]
    assert where == again.answer.headers["Location"], "the same form starts one job"
    job = lake.json("GET", f"/api/v2/job/{where.rpartition('/')[2]}")
    assert job["processing_job"]["parameters"]["max_side"] == 32
    assert job["labels"]["orchestrator"] == "console"
    assert lake.ended(job)["status"] == "SUCCEEDED"
    page = visitor.get(f"{path(lake)}/data/{data}")
    assert where in page.links
    assert "thumbnail" in page.text


def test_a_data_shows_what_is_known_of_it(lake: LakeApi, visitor: Visitor) -> None:
    tag = lake.a_tag("front")
    metadata = {"manufacturer": "Canon", "latitude": 45.5, "longitude": 4.5}
    data = lake.a_data("a.jpg", tags=[tag], metadata=metadata, custom_metadata={"line": 3, "deep": {"a": [1]}})

    page = visitor.get(f"{path(lake)}/data/{data['id']}")
    download = lake.storage("GET", page.all("a", download="")[0]["href"])

    assert all(
        words in page.text for words in ("front", "Canon", "45.5", "line", '{"a":[1]}', "64 \u00d7 48", data["id"])
    )
    assert download.headers["content-disposition"].startswith("attachment")


def test_a_data_tells_of_the_import_that_made_it(lake: LakeApi, visitor: Visitor, datalake_platform: Any) -> None:
    folder = datalake_platform.bucket / "told-of"
    folder.mkdir(parents=True)
    (folder / "seen.jpg").write_bytes(a_jpeg(32, 32))
    labels = '{"dag_id": "night", "run_id": "r 1", "task_id": "t", "run_url": "https://airflow.example.org/dags/night"}'
    body = {"datalake_id": lake.lake["id"], "prefixes": ["told-of/"], "tag_ids": []}
    answer = lake.call("POST", f"{lake.path}/objects", body, {"X-Datalake-Job-Labels": labels})
    job = lake.ended(answer.json()["job"])

    page = visitor.get(data_link(visitor.get(path(lake))))

    assert f"/{lake.organization}/jobs/{job['id']}" in page.links
    assert "https://airflow.example.org/dags/night" in page.links
    assert "DAG night, run r 1, task t" in page.text


def data_link(page: Page) -> str:
    return next(link for link in page.links if "/data/" in link)


def test_an_address_of_a_label_that_is_not_of_the_web_is_no_link(lake: LakeApi, visitor: Visitor) -> None:
    from datalake_ops.platform.console.origin import origin_of

    found = origin_of({"dag_id": "d", "run_id": "r", "task_id": "t", "run_url": "javascript:alert(1)"})

    assert found is not None
    assert found.address == ""


def test_names_of_strangers_are_text(lake: LakeApi, visitor: Visitor) -> None:
    tag = lake.a_tag(HOSTILE)
    source = lake.a_source(f"{HOSTILE}{lake.lake['id']}")
    custom = {HOSTILE: HOSTILE}
    data = lake.a_data(f"{HOSTILE}.jpg".replace("/", ""), tags=[tag], data_source_id=source, custom_metadata=custom)

    pages = [
        visitor.get(path(lake)),
        visitor.get(path(lake, tag=HOSTILE, source=HOSTILE, q=HOSTILE)),
        visitor.get(f"{path(lake)}/data/{data['id']}"),
        visitor.get(path(lake, order_by=HOSTILE)),
    ]

    for page in pages:
        assert "alert(" in page.html
        assert "<script>alert" not in page.html
        assert {script.get("src", "").partition("/static/")[1] for script in page.all("script")} == {"/static/"}


def test_pictures_are_made_small_and_upright_and_kept(lake: LakeApi, visitor: Visitor) -> None:
    content = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1600, 800), "red").save(content, "JPEG", exif=exif)
    data = lake.a_data("turned.jpg", content=content.getvalue())["id"]

    small, large = (visitor.get(f"{path(lake)}/data/{data}/{size}.jpg").answer for size in ("small", "large"))

    assert Image.open(BytesIO(small.content)).size == (160, 320)
    assert Image.open(BytesIO(large.content)).size == (800, 1600)
    assert small.headers["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no picture", "the content is no picture of a known kind"),
        (WHITE_OF_12_BITS, "colours of more than 8 bits in a JPEG 2000 are not read here"),
    ],
    ids=["no-picture", "misread-by-the-decoder"],
)
def test_a_file_that_cannot_be_shown_has_a_drawing_with_the_reason_in_its_place(
    lake: LakeApi, visitor: Visitor, content: bytes, reason: str
) -> None:
    data = lake.a_data("broken.jpg", content=content)["id"]

    # The second answer is a kept one.
    for _ in range(2):
        drawing = visitor.get(f"{path(lake)}/data/{data}/small.jpg").answer

        assert drawing.headers["Content-Type"].startswith("image/svg")
        assert reason in (ElementTree.fromstring(drawing.content).findtext("{*}title") or "")


def test_data_of_another_organization_or_lake_are_not_there(lake: LakeApi, stranger: LakeApi, visitor: Visitor) -> None:
    theirs, mine = stranger.a_data("theirs.jpg")["id"], lake.a_data("mine.jpg")["id"]
    asked = [
        f"/{stranger.organization}/datalake/{stranger.lake['id']}",
        f"/{lake.organization}/datalake/{stranger.lake['id']}",
        f"{path(lake)}/data/{theirs}",
        f"{path(lake)}/data/{theirs}/small.jpg",
        f"/{lake.organization}/datalake/{stranger.lake['id']}/data/{mine}",
    ]
    answers = [visitor.get(one) for one in asked]
    visitor.get("/")
    changed = visitor.post(f"{path(lake)}/tag", {"data": theirs, "name": "stolen"})

    assert [page.status for page in answers] == [404] * 5
    assert "0 data carry" in changed.text
    assert stranger.page()["items"][0]["tags"] == []
