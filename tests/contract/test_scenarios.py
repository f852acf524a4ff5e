"""Every scenario gives the same result through our hook and through the unmodified official SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.testing import PlatformServer
from datalake_ops.wire.uploads import PART_BYTES
from tests.contract.clients import Client, HookClient, Plain, SdkClient, failure_of
from tests.contract.conftest import RunBoth


def names(rows: list[Plain]) -> list[str]:
    return [row["filename"] for row in rows]


# Uploads


def test_one_file_gives_one_data_with_its_measured_size(run_both: RunBoth[Any], photos: list[Path]) -> None:
    (row,) = run_both(lambda client: client.upload(str(photos[1])))

    assert (row["filename"], row["status"], row["size"]) == ("bus.png", "DONE", (30, 20))


def test_many_files_with_tags_source_and_metadata(run_both: RunBoth[Any], photos: list[Path]) -> None:
    def scenario(client: Client) -> Any:
        rows = client.upload(
            photos,
            tags=["day", "day", 'a "quoted" tag'],
            source="camera one",
            metadata=[{"reference": "A1", "weather": None}, {}, {"latitude": 1.5, "longitude": 2.5}],
            custom_metadata=[{}, {}, {"line": 7, "nested": {"deep": [1, None]}}],
        )
        return rows, sorted(client.tag_names()), names(client.list(tags=["day"], order_by=["filename"]))

    rows, tags, listed = run_both(scenario)

    assert [row["status"] for row in rows] == ["DONE"] * 3
    assert rows[1]["metadata"] == {"reference": "A1"}
    assert rows[2]["custom_metadata"] == {"line": 7, "nested": {"deep": [1, None]}}
    assert tags == ['a "quoted" tag', "day"]
    assert listed == names(rows)


def test_exif_fills_metadata_and_turns_the_size(run_both: RunBoth[Any], photos: list[Path]) -> None:
    (row,) = run_both(
        lambda client: client.upload(photos[0], fill_metadata=True, metadata={"manufacturer": "Given by hand"})
    )

    assert row["size"] == (48, 64)
    assert row["metadata"]["manufacturer"] == "Given by hand"
    assert row["metadata"]["software"] == "cam 1.0"
    assert row["metadata"]["resolution_unit"] == "inches"
    assert row["metadata"]["acquired_at"].startswith("2026-05-04T03:02:01")


def test_files_that_fail_are_told_and_the_rest_is_uploaded(
    run_both: RunBoth[Any], photos: list[Path], tmp_path: Path
) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("this is no picture")
    truncated = tmp_path / "cut.png"
    truncated.write_bytes(photos[1].read_bytes()[:40])

    rows, failed = run_both(lambda client: client.upload_errors([*photos, tmp_path / "missing.jpg", text, truncated]))

    assert len(rows) == 3
    assert failed == ["cut.png", "missing.jpg", "notes.jpg"]


def test_an_upload_in_which_every_file_fails_raises(run_both: RunBoth[Any], tmp_path: Path) -> None:
    assert run_both(lambda client: failure_of(lambda: client.upload([tmp_path / "missing.jpg"]))) == "NothingDoneError"


def test_a_file_above_the_part_size_travels_in_parts(
    clients: tuple[HookClient, SdkClient], datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    big = tmp_path / "big.bmp"
    Image.new("RGB", (4000, 2250), "navy").save(big)
    assert big.stat().st_size > PART_BYTES

    for client in clients:
        datalake_platform.clear_requests()
        (row,) = client.upload([big])
        target = tmp_path / type(client).__name__
        target.mkdir()
        client.download(["big.bmp"], target)

        assert row["size"] == (4000, 2250)
        assert (target / "big.bmp").read_bytes() == big.read_bytes()
        assert any("complete_part_upload" in request["path"] for request in datalake_platform.requests())


# Finding and listing


@pytest.fixture
def filled(clients: tuple[HookClient, SdkClient], photos: list[Path]) -> tuple[HookClient, SdkClient]:
    for client in clients:
        client.upload(photos[0], tags=["day", "car"], custom_metadata={"line": 1})
        client.upload(photos[1], tags=["day"], custom_metadata={"line": 2})
        client.upload(photos[2])
    return clients


LISTINGS: list[dict[str, Any]] = [
    {"order_by": ["filename"]},
    {"order_by": ["-filename"], "limit": 2},
    {"order_by": ["filename"], "offset": 1},
    {"order_by": ["filename"], "tags": ["car", "day"]},
    {"order_by": ["filename"], "tags": ["car", "day"], "intersect_tags": True},
    {"order_by": ["filename"], "tags": "day", "q": 'filename ~ "bus"'},
    {"order_by": ["filename"], "q": 'content_type = "image/png" or width < 20'},
    {"order_by": ["filename"], "custom_metadata": {"line": 2}},
    {"order_by": ["filename"], "filenames": ["bus.png", "nowhere.png", "car.jpg"]},
    {"limit": 10, "tags": "car"},
]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("filters", LISTINGS, ids=str)
def test_a_listing_gives_the_same_data(run_both: RunBoth[Any], filters: dict[str, Any]) -> None:
    assert run_both(lambda client: names(client.list(**filters)))


@pytest.mark.usefixtures("filled")
def test_data_are_found_by_filename_object_name_and_id(run_both: RunBoth[Any]) -> None:
    def scenario(client: Client) -> list[Plain]:
        (id,) = client.ids(filenames=["car.jpg"])
        return [client.find(filename="car.jpg"), client.find(id=id), *client.list(ids=[id, uuid4()])]

    assert names(run_both(scenario)) == ["car.jpg"] * 3


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("filters", "failure"),
    [
        ({"q": 'filename = "nowhere"'}, "NoDataError"),
        ({"filenames": ["nowhere.jpg"]}, "NoDataError"),
        ({"q": "filename = = x"}, "BadRequestError"),
        ({"q": 'colour = "red"'}, "BadRequestError"),
    ],
    ids=str,
)
def test_a_listing_that_cannot_be_raises_the_same(run_both: RunBoth[Any], filters: Any, failure: str) -> None:
    assert run_both(lambda client: failure_of(lambda: client.list(**filters))) == failure


@pytest.mark.parametrize("empty", [{"tags": []}, {"q": ""}], ids=str)
def test_an_empty_filter_lists_the_lake_in_the_sdk_and_nothing_in_the_hook(
    filled: tuple[HookClient, SdkClient], empty: dict[str, Any]
) -> None:
    ours, theirs = filled

    assert failure_of(lambda: ours.list(**empty)) == "NoDataError"
    assert len(theirs.list(**empty)) == 3


def test_finding_none_and_finding_two_raise_the_same(run_both: RunBoth[Any], photos: list[Path]) -> None:
    def scenario(client: Client) -> list[str]:
        client.upload(photos[0])
        client.upload(photos[0])
        return [
            failure_of(lambda: client.find(filename="nowhere.jpg")),
            failure_of(lambda: client.find(filename="car.jpg")),
        ]

    assert run_both(scenario) == ["ResourceNotFoundError", "BadRequestError"]


def test_a_listing_walks_through_several_pages(run_both: RunBoth[Any], datalake_platform: PlatformServer) -> None:
    folder = f"many-{uuid4().hex[:6]}"
    target = datalake_platform.bucket / folder
    target.mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(target / "0000.png")
    for number in range(1, 1203):
        (target / f"{number:04}.png").write_bytes((target / "0000.png").read_bytes())

    def scenario(client: Client) -> tuple[int, int, list[str]]:
        client.import_prefixes([folder])
        everything = client.list()
        return len(everything), len(set(names(everything))), names(client.list(order_by=["filename"]))[-2:]

    assert run_both(scenario) == (1203, 1203, ["1201.png", "1202.png"])


# Tags


def test_tags_are_created_found_and_refused_alike(run_both: RunBoth[Any]) -> None:
    def scenario(client: Client) -> list[Any]:
        return [
            client.create_tag("night"),
            failure_of(lambda: client.create_tag("night")),
            client.get_tag("night"),
            failure_of(lambda: client.get_tag("Night")),
            client.get_or_create_tag("night"),
            client.get_or_create_tag("rain & fog/é"),
            sorted(client.tag_names()),
            client.tag_names(order_by=["-name"], limit=1),
        ]

    assert run_both(scenario) == [
        "night",
        "ResourceConflictError",
        "night",
        "ResourceNotFoundError",
        "night",
        "rain & fog/é",
        ["night", "rain & fog/é"],
        ["rain & fog/é"],
    ]


@pytest.mark.usefixtures("filled")
def test_tags_are_put_on_and_taken_off(run_both: RunBoth[Any]) -> None:
    def scenario(client: Client) -> list[list[str]]:
        client.add_tags(["car.jpg", "bus.png"], ["good", "seen"])
        client.add_tags(["car.jpg"], ["good"])
        client.remove_tags(["bus.png"], ["good"])
        return [names(client.list(tags=[tag], order_by=["filename"])) for tag in ("good", "seen")]

    assert run_both(scenario) == [["car.jpg"], ["bus.png", "car.jpg"]]


# Changing, projecting, deleting, downloading


@pytest.mark.usefixtures("filled")
def test_metadata_are_changed_one_by_one_and_in_bulk(run_both: RunBoth[Any]) -> None:
    def scenario(client: Client) -> list[Any]:
        changed = client.update_metadata("car.jpg", {"weather": "rain", "altitude": 3})
        client.update_custom_metadata("bus.png", {"batch": "x"})
        client.update_many(
            {"car.jpg": {"tags": ["bulk"], "custom_metadata": {"line": 9}}, "bus.png": {"data_source": "s"}}
        )
        return [
            changed["metadata"],
            client.find(filename="bus.png")["custom_metadata"],
            client.find(filename="car.jpg")["custom_metadata"],
            names(client.list(tags="bulk")),
            failure_of(lambda: client.update_metadata("car.jpg", {"colour": "red"})),
            failure_of(lambda: client.update_metadata("car.jpg", {"latitude": 1.0})),
        ]

    changed, bus, car, bulk, *failures = run_both(scenario)

    assert (changed["weather"], changed["altitude"]) == ("rain", 3)
    assert bus == {"batch": "x"}
    assert car["line"] == 9
    assert bulk == ["car.jpg"]
    assert failures == ["BadRequestError", "BadRequestError"]


@pytest.mark.usefixtures("filled")
def test_a_projection_stands_beside_its_data(run_both: RunBoth[Any], photos: list[Path]) -> None:
    def scenario(client: Client) -> Any:
        made = client.project("car.jpg", "mask", photos[1], additional_info={"model": "m1"})
        return made, client.projections("car.jpg")

    made, listed = run_both(scenario)

    assert made["name"] == "mask"
    assert made["infos"]["model"] == "m1"
    assert listed == [{"name": "mask", "filename": "bus.png"}]


@pytest.mark.usefixtures("filled")
def test_deleted_data_are_gone(run_both: RunBoth[Any]) -> None:
    def scenario(client: Client) -> list[str]:
        client.delete(["car.jpg", "bus.png"])
        return names(client.list())

    assert run_both(scenario) == ["tram 'Zoë' 電車.jpg"]


@pytest.mark.usefixtures("filled")
def test_downloads_are_the_files_that_were_uploaded(
    clients: tuple[HookClient, SdkClient], photos: list[Path], tmp_path: Path
) -> None:
    for client in clients:
        target = tmp_path / type(client).__name__
        target.mkdir()
        client.download([path.name for path in photos], target)

        assert {path.name: path.read_bytes() for path in photos} == {
            path.name: path.read_bytes() for path in target.iterdir()
        }


# Jobs


def test_a_prefix_of_the_bucket_is_imported_with_tags_and_source(
    run_both: RunBoth[Any], datalake_platform: PlatformServer, photos: list[Path]
) -> None:
    folder = f"in-{uuid4().hex[:6]}"
    target = datalake_platform.bucket / folder / "sub"
    target.mkdir(parents=True)
    for path in photos:
        (target / path.name).write_bytes(path.read_bytes())
    (target / "readme.txt").write_text("no picture")

    def scenario(client: Client) -> Any:
        first = client.import_prefixes([f"{folder}/"], tags=["imported"], source="bucket")
        again = client.import_prefixes([f"{folder}/"])
        return first, again, client.list(tags="imported", order_by=["filename"])

    first, again, rows = run_both(scenario)

    assert (first, again) == ("SUCCEEDED", "SUCCEEDED")
    assert names(rows) == ["bus.png", "car.jpg", "tram 'Zoë' 電車.jpg"]
    assert rows[1]["metadata"]["manufacturer"] == "Acme"


def test_named_objects_are_imported_with_their_own_metadata(
    run_both: RunBoth[Any], datalake_platform: PlatformServer, photos: list[Path]
) -> None:
    folder = f"named-{uuid4().hex[:6]}"
    target = datalake_platform.bucket / folder
    target.mkdir(parents=True)
    (target / "car.jpg").write_bytes(photos[0].read_bytes())

    def scenario(client: Client) -> Any:
        about = {"metadata": {"reference": "R"}, "custom_metadata": {"a": 1}, "tags": ["t1", "t2"], "data_source": "s"}
        ended = client.import_objects({f"{folder}/car.jpg": about})
        return ended, client.list(tags=["t1", "t2"], intersect_tags=True)

    ended, (row,) = run_both(scenario)

    assert ended == "SUCCEEDED"
    assert row["metadata"]["reference"] == "R"
    assert row["custom_metadata"] == {"a": 1}


@pytest.mark.usefixtures("filled")
def test_a_processing_runs_on_data_and_its_tags_are_found(run_both: RunBoth[Any]) -> None:
    def scenario(client: Client) -> Any:
        ended = client.launch("quality-tagging", ["car.jpg", "bus.png"], parameters={"min_side": 40})
        return ended, client.processing_names(), names(client.list(tags="low-resolution", order_by=["filename"]))

    ended, processings, found = run_both(scenario)

    assert ended == "SUCCEEDED"
    assert {"quality-tagging", "near-duplicates", "thumbnails"} <= set(processings)
    assert found == ["bus.png"]


@pytest.mark.usefixtures("filled")
def test_a_processing_that_fails_ends_failed(run_both: RunBoth[Any]) -> None:
    assert run_both(lambda client: client.launch("thumbnails", ["car.jpg"], parameters={"max_side": -1})) == "FAILED"
