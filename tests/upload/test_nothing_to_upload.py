"""Sources that are given and have no file to upload, and choices of files that are given and empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datalake_ops import DatalakeHook, Manifest, plan_shards
from datalake_ops.errors import InvalidFileError, NoDataError
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.reporting.retry_plan import RetryPlan
from tests.upload.pictures import a_picture

SOURCES: dict[str, Callable[[Path], Any]] = {
    "an empty folder": lambda folder: folder / "empty",
    "two empty folders": lambda folder: [folder / "empty", folder / "texts"],
    "a folder of other files": lambda folder: folder / "texts",
    "a pattern without a match": lambda folder: str(folder / "*.png"),
    "a manifest without a row": lambda folder: Manifest(str(folder / "texts" / "files.jsonl")),
    "an iterator without a path": lambda folder: iter(()),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "files.jsonl").touch()
    return tmp_path


@pytest.mark.parametrize("source", SOURCES)
def test_sources_without_a_file_are_nothing_to_do_before_anything_is_sent(
    lake: DatalakeHook, datalake_platform: PlatformServer, folder: Path, source: str
) -> None:
    for upload in (lake.upload, lake.upload_data):
        with pytest.raises(NoDataError):
            upload(SOURCES[source](folder), tags=["night"], source="camera")
    assert {one["method"] for one in datalake_platform.requests()} <= {"GET", "XGET"}


@pytest.mark.parametrize("include", [[], (), "", " ", [""]])
def test_an_empty_choice_of_files_chooses_none(lake: DatalakeHook, tmp_path: Path, include: Any) -> None:
    a_picture(tmp_path / "a.png")

    with pytest.raises(NoDataError, match="include"):
        lake.upload(tmp_path, include=include)
    with pytest.raises(NoDataError, match="include"):
        plan_shards(tmp_path, max_files=1, include=include)
    assert lake.count_data() == 0


def test_a_plan_of_empty_folders_is_nothing_to_do_and_one_among_others_is_an_error(folder: Path) -> None:
    a_picture(folder / "a.png")

    with pytest.raises(NoDataError):
        plan_shards(folder / "empty", max_files=1)
    with pytest.raises(InvalidFileError, match="holds no image or video") as raised:
        plan_shards([folder / "empty", folder], max_files=1)
    assert not isinstance(raised.value, NoDataError)


def test_a_retry_of_a_report_of_an_earlier_release_chooses_as_before(lake: DatalakeHook, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    report = lake.upload([missing])
    arguments = {**(report.retry_plan or RetryPlan()).arguments, "include": ()}
    a_picture(missing)

    retried = lake.retry_upload(replace(report, retry_plan=RetryPlan([missing], arguments)))

    assert retried.counts()["UPLOADED"] == 1
