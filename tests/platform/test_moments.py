"""`acquired_at` in a lake: one normal form and one instant, whatever wrote it, and in homes of earlier versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.images import a_jpeg
from tests.platform.lakes import LakeApi
from tests.test_moments import FORMS

OLD_HOME = Path(__file__).parent / "homes" / "version_2.sql"
INDIA = {"acquired_at": "20240301T100000,25+0530", "weather": "sun"}


def registered(lake: LakeApi, _folder: Path) -> None:
    lake.a_data(metadata=INDIA)


def changed(lake: LakeApi, _folder: Path) -> None:
    data = lake.a_data(metadata={"acquired_at": "2000-01-01"})
    lake.json("PATCH", f"/api/data/{data['id']}", {"metadata": INDIA})


def changed_in_bulk(lake: LakeApi, _folder: Path) -> None:
    data = lake.a_data()
    lake.json("PATCH", f"{lake.path}/data/bulk", {"objects": {data["id"]: {"metadata": INDIA}}})


def imported(lake: LakeApi, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(a_jpeg(exif={0x0132: "1999:01:01 00:00:00"}))
    objects = {f"{folder.name}/a.jpg": {"metadata": INDIA}}
    lake.ended(lake.json("POST", f"{lake.path}/objects", {"objects": objects})["job"])


@pytest.mark.parametrize("write", [registered, changed, changed_in_bulk, imported])
def test_a_moment_is_found_by_its_instant_whatever_wrote_it(
    lake: LakeApi, datalake_platform: PlatformServer, write: Callable[[LakeApi, Path], None]
) -> None:
    folder = datalake_platform.bucket / f"moments-{lake.lake['name']}"
    folder.mkdir(parents=True)

    write(lake, folder)

    [found] = lake.page(q='metadata.acquired_at = "2024-03-01T04:30:00.250000"')["items"]
    assert found["metadata"]["acquired_at"] == "2024-03-01T10:00:00.25+05:30"
    for q in ('= "2024-03-01 04"', '< "2024-03-01T04:30:00.250001"', '~ "2024-W09"', 'in ("20240301T1000+0530")'):
        assert lake.page(q=f"metadata.acquired_at {q}")["count"] == 1
    assert lake.page(q='metadata.acquired_at > "2024-03-01T04:30:00.25"')["count"] == 0


def test_the_moment_of_an_imported_file_is_found(lake: LakeApi, datalake_platform: PlatformServer) -> None:
    folder = datalake_platform.bucket / f"exif-{lake.lake['name']}"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(a_jpeg(exif={0x0132: "2024:03:01 10:00:05"}))

    lake.ended(lake.json("POST", f"{lake.path}/objects", {"prefixes": [folder.name]})["job"])

    assert lake.page(q='metadata.acquired_at = "2024-03-01T10:00:05"')["count"] == 1


def test_a_moment_that_goes_is_found_no_more(lake: LakeApi) -> None:
    data = lake.a_data(metadata=INDIA)

    lake.json("PATCH", f"/api/data/{data['id']}", {"metadata": {"weather": "rain"}})

    assert lake.page(q="metadata.acquired_at = None")["count"] == 1
    assert lake.page(q='metadata.acquired_at >= "1900"')["count"] == 0


def test_every_form_is_found_by_the_text_that_wrote_it(lake: LakeApi) -> None:
    data = lake.a_data()["id"]

    for text, normal in FORMS.items():
        answer = lake.json("PATCH", f"/api/data/{data}", {"metadata": {"acquired_at": text}})

        assert answer["metadata"] == {"acquired_at": normal}
        assert lake.page(q=f'metadata.acquired_at = "{text}"')["count"] == 1, text


@pytest.fixture(scope="module")
def old_lake(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A lake in a home that version 2 made, opened by this one."""
    home = tmp_path_factory.mktemp("old")
    with closing(sqlite3.connect(home / "datalake.db")) as database:
        database.executescript(OLD_HOME.read_text())
    with PlatformServer(home=home, token="dlo_of-an-earlier-version") as server:
        yield LakeApi(server)


def test_a_home_of_an_earlier_version_gets_the_normal_form(old_lake: LakeApi) -> None:
    found = {data["filename"]: data["metadata"] for data in old_lake.page()["items"]}

    assert {name: metadata.get("acquired_at") for name, metadata in found.items()} == {
        "00.png": "2024-03-01T10:00:00",
        "01.png": "2024-03-01T10:00:00Z",
        "02.png": "2024-03-01T10:00:00+05:30",
        "03.png": "2024-03-01T10:00:00+02:00",
        "04.png": "2024-03-01T10:00:00",
        "05.png": "2024-03-01T10:00:00",
        "06.png": "2024-03-01T10:00:00.5",
        "07.png": "2024-03-01T00:00:00",
        "08.png": "2024-03-01T10:00:00.123456Z",
        "09.png": "2024-03-01T10:00:00",
        "10.png": "2024-03-01T04:29:44.5Z",
        "none.png": None,
    }
    assert found["none.png"] == {"weather": "sun"}
    assert found["02.png"]["weather"] == "rain"


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ('= "2024-03-01T10:00:00.5"', ["06"]),
        ('= "2024-03-01T10:00:00"', ["00", "01", "04", "05", "06", "08", "09"]),
        ('= "2024-03-01T04:30"', ["02"]),
        ('= "2024-03-01T08:00Z"', ["03"]),
        ('< "2024-03-01T04:30"', ["07", "10"]),
        ("= None", ["none"]),
    ],
)
def test_moments_of_an_earlier_version_are_found(old_lake: LakeApi, q: str, names: list[str]) -> None:
    assert old_lake.names(f"metadata.acquired_at {q}") == [f"{name}.png" for name in names]
