"""`fill_metadata="full"` on its way to the lake, and metadata that the platform would not take."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from datalake_ops.errors import ArgumentError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.reporting.report import FileStatus
from tests.pictures.files import ASCII, RATIONAL, a_photo, an_exif_block, rationals, saved

SYDNEY = {"latitude": -33.5, "longitude": 151.25}


def a_camera_picture(path: Path) -> Path:
    block = an_exif_block(
        (0x0110, ASCII, b"EOS 5D\0"),
        (0x0132, ASCII, b"2025:01:01 00:00:00\0"),
        exif=[(0x9003, ASCII, b"2024:05:06 07:08:09\0"), (0xA434, ASCII, b"EF50mm\0")],
        gps=[
            (1, ASCII, b"S\0"),
            (2, RATIONAL, rationals((33, 1), (30, 1), (0, 1))),
            (3, ASCII, b"E\0"),
            (4, RATIONAL, rationals((151, 1), (15, 1), (0, 1))),
        ],
    )
    path.write_bytes(saved(a_photo(), "JPEG", exif=block))
    return path


def test_what_the_sdk_reads_is_one_thing_and_what_exif_tells_another(lake: DatalakeHook, tmp_path: Path) -> None:
    path = a_camera_picture(tmp_path / "a.jpg")

    [plain] = lake.upload(path, fill_metadata=True).data
    [full] = lake.upload(path, fill_metadata="full").data

    assert plain.metadata == {"acquired_at": "2025-01-01T00:00:00"}
    assert full.metadata == {"acquired_at": "2024-05-06T07:08:09", **SYDNEY}
    assert (plain.custom_metadata, full.custom_metadata) == (None, {"camera_model": "EOS 5D", "camera_lens": "EF50mm"})


def test_what_the_caller_says_of_a_file_wins(lake: DatalakeHook, tmp_path: Path) -> None:
    given = {"latitude": 1.0, "longitude": 2.0}

    [data] = lake.upload(
        a_camera_picture(tmp_path / "a.jpg"),
        fill_metadata="full",
        metadata=given,
        custom_metadata={"camera_model": "mine"},
    ).data

    assert data.metadata == {"acquired_at": "2024-05-06T07:08:09", **given}
    assert data.custom_metadata == {"camera_model": "mine", "camera_lens": "EF50mm"}


def test_a_lake_whose_schema_has_no_place_for_the_camera_gets_the_rest(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    path = f"/api/datalake/{lake.context.datalake.id}/custom-metadata"
    datalake_platform.admin("PATCH", path, {"allow_extra_custom_metadata": False})

    [data] = lake.upload(a_camera_picture(tmp_path / "a.jpg"), fill_metadata="full").data

    assert data.metadata == {"acquired_at": "2024-05-06T07:08:09", **SYDNEY}
    assert not data.custom_metadata


def test_a_text_that_is_too_long_fails_before_its_file_is_sent(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    path = a_camera_picture(tmp_path / "a.jpg")

    [row] = lake.upload(path, metadata={"software": "s" * 129}).files

    assert (row.status, row.attempts) == (FileStatus.FAILED, 0)
    assert str(row.error) == f"{path}: metadata.software has 129 characters, and the platform takes 128."
    assert not [one for one in datalake_platform.requests() if one["method"] == "POST"]


def test_an_import_is_asked_for_all_that_exif_tells_only_where_the_platform_offers_it(
    datalake_platform: PlatformServer, caplog: pytest.LogCaptureFixture
) -> None:
    datalake_platform.withhold("import-metadata")
    with datalake_platform.hook(datalake_id=datalake_platform.add_lake("no-import-metadata")) as hook:
        job = hook.wait_for_job(hook.import_bucket_objects(["nowhere/"], fill_metadata="full"))
    datalake_platform.withhold()

    assert job.status.succeeded
    with caplog.at_level(logging.WARNING):
        assert any("cannot be asked to read place" in message for message in caplog.messages)


def test_an_import_reads_exif_in_any_case(lake: DatalakeHook) -> None:
    with pytest.raises(ArgumentError, match='write true or "full"'):
        lake.import_bucket_objects(["nowhere/"], fill_metadata=False)
    with pytest.raises(ArgumentError, match="write true, false or full"):
        lake.import_cloud_objects(["a.jpg"], fill_metadata="some")
