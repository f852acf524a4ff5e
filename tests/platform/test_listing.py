"""Finding and listing data: by cursor, by offset, by names."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.lakes import LakeApi


def a_lake_of(lake: LakeApi, count: int, **more: object) -> list[str]:
    """Registers data 00.jpg, 01.jpg, ... and returns their names, newest first."""
    names = [f"{number:02d}.jpg" for number in range(count)]
    for name in names:
        lake.a_data(name, **more)
    return names[::-1]


def test_pages_follow_each_other_newest_first_and_end(lake: LakeApi) -> None:
    names = a_lake_of(lake, 5)

    first = lake.page(limit=2)
    second = lake.page(limit=2, cursor=first["next_cursor"])
    third = lake.page(limit=2, cursor=second["next_cursor"])

    pages = (first, second, third)
    assert [item["filename"] for page in pages for item in page["items"]] == names
    assert [page["count"] for page in pages] == [5, 5, 5]
    assert third["next_cursor"] is None


def test_a_page_that_ends_exactly_with_the_data_is_followed_by_an_empty_one(lake: LakeApi) -> None:
    a_lake_of(lake, 2)

    first = lake.page(limit=2)
    second = lake.page(limit=2, cursor=first["next_cursor"])

    assert (second["items"], second["next_cursor"]) == ([], None)


def test_data_that_arrive_meanwhile_shift_nothing(lake: LakeApi) -> None:
    names = a_lake_of(lake, 4)
    first = lake.page(limit=2)

    lake.a_data("late.jpg")

    second = lake.page(limit=2, cursor=first["next_cursor"])
    assert [item["filename"] for page in (first, second) for item in page["items"]] == names
    assert second["count"] == 4


def test_data_that_are_deleted_meanwhile_hide_no_others(lake: LakeApi) -> None:
    names = a_lake_of(lake, 4)
    first = lake.page(limit=2)

    lake.call("DELETE", f"/api/data/{first['items'][1]['id']}")

    second = lake.page(limit=2, cursor=first["next_cursor"])
    assert [item["filename"] for item in second["items"]] == names[2:]


def test_an_offset_skips_the_newest(lake: LakeApi) -> None:
    names = a_lake_of(lake, 4)

    page = lake.page(limit=2, offset=1)

    assert [item["filename"] for item in page["items"]] == names[1:3]


@pytest.mark.parametrize("cursor", ["x", "WzFd", "bm90IGpzb24", "WzEsImEiLCJiIiwxXQ"])
def test_a_cursor_that_nobody_gave_is_refused(lake: LakeApi, cursor: str) -> None:
    assert "cursor" in lake.message(lake.listing(cursor=cursor))


def test_a_cursor_of_another_filter_is_refused(lake: LakeApi) -> None:
    a_lake_of(lake, 3)
    cursor = lake.page(limit=1)["next_cursor"]

    answer = lake.listing(limit=1, cursor=cursor)

    assert "another filter" in lake.message(answer)


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (["filename"], ["a.jpg", "b.jpg", "c.jpg"]),
        (["-filename"], ["c.jpg", "b.jpg", "a.jpg"]),
        (["created_at"], ["b.jpg", "c.jpg", "a.jpg"]),
        (["-created_at"], ["a.jpg", "c.jpg", "b.jpg"]),
        (["width", "-filename"], ["c.jpg", "b.jpg", "a.jpg"]),
    ],
)
def test_order_by_decides_the_order(lake: LakeApi, order_by: list[str], expected: list[str]) -> None:
    for name in ("b.jpg", "c.jpg", "a.jpg"):
        lake.a_data(name)

    pages = [lake.page(order_by=order_by, limit=2, offset=offset) for offset in (0, 2)]

    assert [item["filename"] for page in pages for item in page["items"]] == expected
    assert [page["count"] for page in pages] == [3, 3]
    assert [page["next_cursor"] for page in pages] == [None, None]


def test_an_unknown_order_names_the_known_ones(lake: LakeApi) -> None:
    assert "filename" in lake.message(lake.listing(order_by="size"))


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 100_001}, {"offset": -1}, {"limit": "many"}])
def test_a_window_that_makes_no_sense_is_refused(lake: LakeApi, query: dict[str, object]) -> None:
    assert lake.message(lake.listing(**query))


def test_statuses_and_types_are_filters(lake: LakeApi) -> None:
    lake.a_data("good.jpg")
    lake.a_data("bad.jpg", b"no picture at all")

    assert lake.names(upload_statuses=["ERROR"]) == ["bad.jpg"]
    assert lake.names(upload_statuses=["DONE", "PENDING"]) == ["good.jpg"]
    assert lake.names(types=["VIDEO"]) == []
    assert lake.names(upload_statuses=["ERROR"], q='filename ~ "good"') == []


def test_a_listing_that_names_no_status_shows_what_is_done(lake: LakeApi) -> None:
    lake.a_data("good.jpg")
    lake.a_data("bad.jpg", b"no picture at all")

    answer = lake.listing().json()

    assert [item["filename"] for item in answer["items"]] == ["good.jpg"]
    assert answer["count"] == 1


def test_an_unknown_status_is_refused(lake: LakeApi) -> None:
    assert "READY" in lake.message(lake.listing(upload_statuses="READY"))


def test_ids_are_listed_by_cursor_whatever_their_status(lake: LakeApi) -> None:
    ids = [lake.a_data("good.jpg")["id"], lake.a_data("bad.jpg", b"no picture")["id"]]
    path = f"{lake.path}/datas/ids/paginated?limit=1"

    first = lake.json("GET", path)
    second = lake.json("GET", f"{path}&cursor={first['next_cursor']}")

    assert [*first["items"], *second["items"]] == ids[::-1]
    assert first["count"] == 2


def test_chosen_data_come_in_the_order_they_were_asked_in(lake: LakeApi) -> None:
    made = {name: lake.a_data(name) for name in ("a.jpg", "b.jpg", "c.jpg")}

    by_name = lake.chosen(filenames=["c.jpg", "a.jpg", "unknown.jpg"]).json()
    by_id = lake.chosen(ids=[made["b.jpg"]["id"], str(uuid4()), made["a.jpg"]["id"]]).json()
    by_object = lake.chosen(object_names=[made["a.jpg"]["object_name"]]).json()

    assert [item["filename"] for item in by_name["items"]] == ["c.jpg", "a.jpg"]
    assert [item["filename"] for item in by_id["items"]] == ["b.jpg", "a.jpg"]
    assert [item["filename"] for item in by_object["items"]] == ["a.jpg"]
    assert by_id["count"] == 2


def test_a_file_name_gives_every_data_of_that_name(lake: LakeApi) -> None:
    ids = [lake.a_data("same.jpg")["id"] for _ in range(3)]

    items = lake.chosen(filenames=["same.jpg"]).json()["items"]

    assert [item["id"] for item in items] == ids


def test_chosen_data_can_be_ordered_and_filtered(lake: LakeApi) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        lake.a_data(name, custom_metadata={"line": name[0]})

    ordered = lake.chosen("?order_by=-filename", filenames=["a.jpg", "c.jpg"]).json()
    filtered = lake.chosen(filenames=["a.jpg", "c.jpg"], q='filename != "a.jpg"').json()
    custom = lake.chosen("?custom_metadata=%7B%22line%22%3A%22a%22%7D", filenames=["a.jpg", "c.jpg"]).json()

    assert [item["filename"] for item in ordered["items"]] == ["c.jpg", "a.jpg"]
    assert [item["filename"] for item in filtered["items"]] == ["c.jpg"]
    assert [item["filename"] for item in custom["items"]] == ["a.jpg"]


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": ["x"]}, {"ids": [str(uuid4())], "filenames": ["a"]}, []])
def test_a_choice_has_exactly_one_list(lake: LakeApi, body: object) -> None:
    answer = lake.call("XGET", f"{lake.path}/datas", body)

    assert lake.message(answer)


def test_custom_metadata_filters_by_equality_and_type(lake: LakeApi) -> None:
    lake.a_data("one.jpg", custom_metadata={"n": 1, "ok": True, "s": "x", "list": [1, "a"], "none": None, "a b": 1})
    lake.a_data("text.jpg", custom_metadata={"n": "1", "ok": 1, "s": 'x"', "list": [1], "deep": {"k": "v"}})

    def names(text: str) -> list[str]:
        return lake.names(custom_metadata=text)

    assert names('{"n":1}') == ["one.jpg"]
    assert names('{"n":"1"}') == ["text.jpg"]
    assert names('{"ok":true}') == ["one.jpg"]
    assert names('{"ok":1}') == ["text.jpg"]
    assert names('{"s":"x\\""}') == ["text.jpg"]
    assert names('{"list":[1,"a"]}') == ["one.jpg"]
    assert names('{"deep":{"k":"v"}}') == ["text.jpg"]
    assert names('{"none":null}') == ["one.jpg"]
    assert names('{"a b":1,"n":1}') == ["one.jpg"]
    assert names('{"n":1,"s":"y"}') == []


def test_numbers_that_no_column_holds_are_told_apart(lake: LakeApi) -> None:
    for name, number in {"a": 2**63 - 1, "b": 2**63, "c": 2**63 + 1, "d": 2**64 - 1, "e": float(2**64)}.items():
        lake.a_data(f"{name}.jpg", custom_metadata={"n": number, "deep": {"n": number}})

    def names(number: float) -> list[str]:
        return [name[0] for name in lake.names(custom_metadata=json.dumps({"n": number}))]

    assert [names(number) for number in (2**63 - 1, 2**63, 2**63 + 1, 2**63 + 2)] == [["a"], ["b"], ["c"], []]
    assert [names(number) for number in (2**64 - 1, 2**64, -(2**63) - 1)] == [["d"], ["e"], []]
    assert lake.names(custom_metadata=json.dumps({"deep": {"n": 2**63}})) == ["b.jpg"]


@pytest.mark.parametrize("text", ["{", "[]", "1", '{"a\\"b":1}'])
def test_a_custom_metadata_filter_that_is_no_object_is_refused(lake: LakeApi, text: str) -> None:
    assert "custom_metadata" in lake.message(lake.listing(custom_metadata=text))


def test_one_data_is_found_by_its_name_id_or_object(lake: LakeApi) -> None:
    data = lake.a_data("one name.jpg")

    for query in (f"id={data['id']}", "filename=one+name.jpg", f"object_name={data['object_name']}"):
        assert lake.json("GET", f"{lake.path}/datas/find?{query}")["id"] == data["id"]


def test_finding_none_is_404_and_finding_several_400(lake: LakeApi) -> None:
    lake.a_data("twice.jpg")
    lake.a_data("twice.jpg")

    assert lake.message(lake.call("GET", f"{lake.path}/datas/find?filename=never.jpg"), 404)
    assert "Several" in lake.message(lake.call("GET", f"{lake.path}/datas/find?filename=twice.jpg"))
    assert lake.message(lake.call("GET", f"{lake.path}/datas/find"))


def test_the_data_of_another_lake_are_not_found(lake: LakeApi, datalake_platform: PlatformServer) -> None:
    other = LakeApi(datalake_platform)
    data = other.a_data("elsewhere.jpg")

    assert lake.page()["items"] == []
    assert lake.chosen(ids=[data["id"]]).json()["items"] == []
    assert lake.call("GET", f"{lake.path}/datas/find?id={data['id']}").status_code == 404
