"""The tasks for one data, tags, projections and downloads, and the async twins, in real flow runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from datalake_ops.errors import NotFoundError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from prefect_tasks import (
    DatalakeCredentials,
    acreate_projection,
    adownload_data,
    afind_data,
    aget_or_create_tag,
    alaunch_processing,
    alist_data,
    atag_data,
    aupdate_data,
    aupload_data,
    create_projection,
    download_data,
    find_data,
    get_or_create_tag,
    update_data,
)

pytestmark = pytest.mark.usefixtures("prefect_api")
AnImage = Callable[[str], Path]


def test_finds_one_data_by_name_as_small_values(
    platform: PlatformServer, credentials: DatalakeCredentials, some_data: list[str]
) -> None:
    @flow
    def found() -> dict[str, Any]:
        return find_data(credentials, filename="1.png")

    one = found()

    assert one["id"] == some_data[1]
    assert (one["width"], one["height"], one["tags"]) == (320, 240, ["ingested"])
    assert json.loads(json.dumps(one)) == one
    assert platform.url not in json.dumps(one)


def test_fails_when_there_is_no_such_data(credentials: DatalakeCredentials) -> None:
    @flow
    def found() -> dict[str, Any]:
        return find_data(credentials, filename="nothing.png")

    with pytest.raises(NotFoundError):
        found()


def test_changes_many_data(lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]) -> None:
    @flow
    def changed() -> int:
        changes = {one: {"custom_metadata": {"line": 3}, "tags": ["checked"]} for one in some_data[:2]}
        return update_data(credentials, changes)

    assert changed() == 2
    assert lake.count_data(tags="checked") == 2
    assert lake.count_data(tags="ingested") == 3


def test_a_tag_is_created_once(lake: DatalakeHook, credentials: DatalakeCredentials) -> None:
    @flow
    def tags() -> list[dict[str, str]]:
        return [get_or_create_tag(credentials, "night"), get_or_create_tag(credentials, "night")]

    first, second = tags()

    assert first == second == {"id": str(lake.get_data_tag("night").id), "name": "night"}


def test_a_retried_flow_makes_one_projection(
    lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str], an_image: AnImage
) -> None:
    tries: list[Any] = []
    mask = an_image("mask.png")

    @flow(retries=1)
    def masked() -> None:
        tries.append(create_projection(credentials, some_data[0], "mask", mask, {"model": "m1"}))
        if len(tries) < 2:
            raise RuntimeError("after the projection")

    masked()

    (projection,) = lake.list_projections(some_data[0])
    assert tries == [{"id": str(projection.id), "name": "mask", "data": some_data[0]}] * 2


def test_downloads_what_a_filter_finds_and_keeps_what_is_there(
    credentials: DatalakeCredentials, some_data: list[str], an_image: AnImage, tmp_path: Path
) -> None:
    @flow
    def downloaded() -> dict[str, Any]:
        return download_data(credentials, tmp_path / "out", tags="ingested", max_paths=2)

    done = downloaded()
    written = (tmp_path / "out" / "0.png").stat().st_mtime_ns
    downloaded()

    assert (done["files"], len(done["paths"]), done["paths_left_out"]) == (3, 2, 1)
    assert (tmp_path / "out" / "0.png").read_bytes() == (tmp_path / "0.png").read_bytes()
    assert (tmp_path / "out" / "0.png").stat().st_mtime_ns == written


def test_the_async_twins_do_the_same(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage, tmp_path: Path
) -> None:
    images = [an_image(f"in/{number}.png") for number in range(2)]

    @flow
    async def pipeline() -> dict[str, Any]:
        done, tag = await asyncio.gather(
            aupload_data(credentials, images[0].parent, tags="new"), aget_or_create_tag(credentials, "seen")
        )
        ids = await alist_data(credentials, tags="new", order_by=["filename"])
        await aupdate_data(credentials, {ids[0]: {"custom_metadata": {"line": 3}}})
        await acreate_projection(credentials, ids[0], "mask", images[1])
        counted = await atag_data(credentials, ids, add=tag["name"])
        found = await afind_data(credentials, id=ids[0])
        files = await adownload_data(credentials, tmp_path / "out", ids)
        return {"upload": done, "count": counted, "found": found, "files": files["files"]}

    answer = asyncio.run(pipeline())

    assert answer["upload"]["counts"]["UPLOADED"] == answer["count"] == answer["files"] == 2
    assert answer["found"]["custom_metadata"]["line"] == 3
    assert lake.count_data(tags=["new", "seen"], intersect_tags=True) == 2
    assert len(lake.list_projections(answer["found"]["id"])) == 1


def test_a_cancelled_await_stops_its_upload(
    platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    platform.script_fault("POST", "/api/datalake/.*", delay=0.5, count=1000)
    images = [an_image(f"in/{number}.png") for number in range(40)]

    @flow
    async def impatient() -> None:
        await asyncio.wait_for(aupload_data(credentials, images, max_workers=1, if_exists="upload"), timeout=3)

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())
    platform.clear_faults()

    sent = len(platform.requests())
    assert lake.count_data() < 40
    assert sum("datas" in request["path"] for request in platform.requests()[sent:]) < 3


def test_a_retried_async_flow_starts_one_job(
    lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]
) -> None:
    tries: list[str] = []

    @flow(retries=1)
    async def process() -> None:
        tries.append(await alaunch_processing(credentials, "thumbnails", some_data))
        if len(tries) < 2:
            raise RuntimeError("after the launch")

    asyncio.run(process())

    assert tries[0] == tries[1]
