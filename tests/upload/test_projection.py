from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.errors import InvalidFileError, ResourceLockedError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.progress import Progress
from datalake_ops.wire.data import Data
from tests.upload.pictures import a_picture, a_text_named_jpg


@pytest.fixture
def data(lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path) -> Data:
    [one] = lake.upload(a_picture(tmp_path / "original.png")).data
    datalake_platform.clear_requests()
    return one


def test_a_projection_is_kept_beside_its_data(lake: DatalakeHook, data: Data, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "small 'é'.jpg", (8, 6), exif={0x010F: "Acme", 0x0131: "cam"})

    made = lake.create_projection(data, "thumbnail", path, {"software": "mine"}, fill_metadata=True)

    [kept] = lake.list_projections(data)
    assert kept.id == made.id
    assert (made.name, made.filename) == ("thumbnail", "small 'é'.jpg")
    assert made.infos == {"software": "mine", "manufacturer": "Acme"}


@pytest.mark.parametrize(
    "make",
    [a_text_named_jpg, lambda path: path, lambda path: path.touch(), lambda path: path.mkdir()],
    ids=["text", "missing", "empty", "folder"],
)
def test_what_is_no_picture_is_refused_before_anything_is_sent(
    lake: DatalakeHook, data: Data, datalake_platform: PlatformServer, tmp_path: Path, make: Any
) -> None:
    make(tmp_path / "p.jpg")

    with pytest.raises(InvalidFileError) as caught:
        lake.create_projection(data, "p", tmp_path / "p.jpg")

    assert caught.value.path == str(tmp_path / "p.jpg")
    assert datalake_platform.requests() == []


@pytest.mark.parametrize("fault", [{"drop": True}, {"drop_before": True}])
def test_a_lost_answer_makes_one_projection(
    lake: DatalakeHook, data: Data, datalake_platform: PlatformServer, tmp_path: Path, fault: dict[str, bool]
) -> None:
    lost = datalake_platform.script_fault("POST", "/projections$", **fault)

    made = lake.create_projection(data, "p", a_picture(tmp_path / "p.png"))

    assert datalake_platform.faults_met(lost) == 1
    assert [one.id for one in lake.list_projections(data)] == [made.id]


def test_a_refusal_is_raised_as_it_is(
    lake: DatalakeHook, data: Data, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    datalake_platform.script_fault("POST", "/projections$", status=423)

    with pytest.raises(ResourceLockedError):
        lake.create_projection(data, "p", a_picture(tmp_path / "p.png"))


def test_it_works_inside_a_running_event_loop(lake: DatalakeHook, data: Data, tmp_path: Path) -> None:
    async def main() -> str | None:
        return lake.create_projection(data, "p", a_picture(tmp_path / "p.png")).name

    assert asyncio.run(main()) == "p"


def test_many_projections_come_with_a_row_each_in_order(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    data = lake.upload([a_picture(tmp_path / f"{number}.png") for number in range(12)]).data
    small = [a_picture(tmp_path / "small" / f"{number}.png", (4, 3)) for number in range(12)]
    small[5].write_text("no picture")
    busy = datalake_platform.script_fault("POST", "/projections$", drop=True, count=3)

    rows = lake.create_projections(zip(data, small, strict=True), "thumbnail", max_workers=4)

    assert datalake_platform.faults_met(busy) == 3
    assert [(row.data_id, row.path) for row in rows] == [
        (one.id, str(path)) for one, path in zip(data, small, strict=True)
    ]
    assert [index for index, row in enumerate(rows) if row.projection is None] == [5]
    assert isinstance(rows[5].error, InvalidFileError)
    for one, row in zip(data, rows, strict=True):
        assert [kept.id for kept in lake.list_projections(one)] == ([row.projection.id] if row.projection else [])


def test_a_repeated_call_that_skips_doubles_no_projection(lake: DatalakeHook, data: Data, tmp_path: Path) -> None:
    picture = a_picture(tmp_path / "p.png")
    made = lake.create_projection(data, "other", picture)

    first, again = (lake.create_projections([(data, picture)], "p", if_exists="skip")[0] for _ in range(2))

    assert (first.skipped, again.skipped) == (False, True)
    assert first.projection
    assert again.projection
    assert again.projection.id == first.projection.id
    assert {one.id for one in lake.list_projections(data)} == {made.id, first.projection.id}


def test_many_projections_are_tried_as_often_as_uploads_and_tell_how_far_they_are(
    data: Data, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    busy = datalake_platform.script_fault("POST", "/projections$", status=503, count=6, retry_after=0.01)
    told: list[Progress] = []

    with datalake_platform.hook() as usual:
        [row] = usual.create_projections([(data, a_picture(tmp_path / "p.png"))], "p", on_progress=told.append)

    assert row.error is None
    assert datalake_platform.faults_met(busy) == 6
    assert (told[-1].done, told[-1].bytes) == (1, (tmp_path / "p.png").stat().st_size)


def test_an_unforeseen_error_costs_its_projection_alone(lake: DatalakeHook, data: Data, tmp_path: Path) -> None:
    [row] = lake.create_projections([(data, a_picture(tmp_path / "p.png"))], "half a character: \ud83d")

    assert row.projection is None
    assert row.error is not None
    assert row.error.path == str(tmp_path / "p.png")
