"""Going through many pages: each data once, no page too many, and errors where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datalake_ops import DatalakeHook, RetryPolicy
from datalake_ops.errors import ServerError
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.paging import Page, likely_cursor

COUNT = 3_203
PAGES = 4
LISTING = "/datas$"


@pytest.fixture(scope="module")
def full_lake(datalake_platform: PlatformServer) -> Iterator[DatalakeHook]:
    """A lake of four pages."""
    folder = datalake_platform.bucket / "pages"
    folder.mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(folder / "0000.png")
    content = (folder / "0000.png").read_bytes()
    for number in range(1, COUNT):
        (folder / f"{number:04}.png").write_bytes(content)
    lake = datalake_platform.add_lake("pages")
    retry = RetryPolicy(attempts=2, first_delay=0.01, longest_delay=0.05)
    with datalake_platform.hook(datalake_id=lake, retry=retry) as hook:
        hook.wait_for_job(hook.import_bucket_objects(["pages/"]))
        yield hook


@pytest.fixture
def platform(datalake_platform: PlatformServer, full_lake: DatalakeHook) -> Iterator[PlatformServer]:
    datalake_platform.clear_requests()
    yield datalake_platform
    datalake_platform.clear_faults()


def listings(platform: PlatformServer) -> int:
    return sum(request["method"] == "GET" and request["path"].endswith("/datas") for request in platform.requests())


def test_every_data_comes_once_and_every_page_is_asked_for_once(
    platform: PlatformServer, full_lake: DatalakeHook
) -> None:
    names = [data.filename for data in full_lake.iter_data()]

    assert sorted(names) == [f"{number:04}.png" for number in range(COUNT)]
    assert listings(platform) == PAGES


@pytest.mark.parametrize(("wanted", "asked"), [(1, 1), (1000, 1), (1001, 2), (2000, 2), (2001, 3)])
def test_a_limit_asks_for_no_page_beyond_it(
    platform: PlatformServer, full_lake: DatalakeHook, wanted: int, asked: int
) -> None:
    assert len(list(full_lake.iter_data(limit=wanted))) == wanted
    assert listings(platform) == asked


def test_who_looks_at_the_first_page_alone_pays_for_no_other(platform: PlatformServer, full_lake: DatalakeHook) -> None:
    assert len(list(islice(full_lake.iter_data(), 1000))) == 1000
    assert listings(platform) == 1


def test_a_page_that_fails_while_another_is_read_is_asked_for_again(
    platform: PlatformServer, full_lake: DatalakeHook
) -> None:
    fault = platform.script_fault("GET", LISTING, status=503, after=2)

    assert len({data.id for data in full_lake.iter_data()}) == COUNT
    assert platform.faults_met(fault) == 1


def test_a_page_that_cannot_be_had_raises_after_the_data_before_it(
    platform: PlatformServer, full_lake: DatalakeHook
) -> None:
    platform.script_fault("GET", LISTING, status=503, after=2, count=10)
    listing = full_lake.iter_data()

    assert len(list(islice(listing, 2000))) == 2000
    with pytest.raises(ServerError):
        next(listing)


def test_a_cursor_in_somebodys_metadata_misleads_nobody(datalake_platform: PlatformServer) -> None:
    folder = datalake_platform.bucket / "misleading"
    folder.mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(folder / "0.png")
    for number in range(1, 2_100):
        (folder / f"{number}.png").write_bytes((folder / "0.png").read_bytes())
    lake = datalake_platform.add_lake("misleading")
    with datalake_platform.hook(datalake_id=lake) as hook:
        hook.wait_for_job(hook.import_bucket_objects(["misleading/"]))
        misleading = {"custom_metadata": {"next_cursor": "nowhere"}}
        hook.update_multiple_data({data.id: misleading for data in hook.list_data()})

        assert len({data.id for data in hook.iter_data()}) == 2_100


@given(st.text(), st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2), max_size=3))
def test_the_cursor_is_seen_without_reading_the_page(cursor: str, items: list[dict[str, str]]) -> None:
    page = Page[dict[str, str]](items=items, count=1, next_cursor=cursor)

    assert likely_cursor(page.model_dump_json().encode()) == cursor


def test_a_page_without_a_next_one_has_no_cursor() -> None:
    assert likely_cursor(b'{"items": [], "count": 0, "next_cursor": null}') is None
    assert likely_cursor(b"") is None
