"""Tags of data, tags of other things, and data sources."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.platform.lakes import LakeApi


def test_a_tag_is_made_found_renamed_and_deleted(lake: LakeApi) -> None:
    tag = lake.json("POST", f"{lake.path}/tags", {"name": "day light"})

    assert tag == {"id": tag["id"], "name": "day light", "target_type": "DATA"}
    assert lake.json("GET", f"{lake.path}/tags/find?name=day+light") == tag
    assert lake.json("GET", f"/api/tag/{tag['id']}") == tag
    assert lake.json("PATCH", f"/api/tag/{tag['id']}", {"name": "night"})["name"] == "night"
    assert lake.call("GET", f"{lake.path}/tags/find?name=day+light").status_code == 404
    assert lake.call("DELETE", f"/api/tag/{tag['id']}").ok
    assert lake.json("GET", f"{lake.path}/tags")["items"] == []


def test_a_name_is_taken_once_per_lake_and_case_counts(lake: LakeApi) -> None:
    lake.a_tag("Day")

    assert "exists" in lake.message(lake.call("POST", f"{lake.path}/tags", {"name": "Day"}), 409)
    assert lake.call("POST", f"{lake.path}/tags", {"name": "day"}).ok


def test_of_racing_creators_one_wins_and_the_others_are_told(lake: LakeApi) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: lake.call("POST", f"{lake.path}/tags", {"name": "race"}), range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


@pytest.mark.parametrize("name", ["", "  ", "x" * 300, "line\nbreak", None, 7])
def test_a_bad_name_is_refused(lake: LakeApi, name: object) -> None:
    assert lake.message(lake.call("POST", f"{lake.path}/tags", {"name": name}))


def test_tags_are_listed_whole_or_by_window(lake: LakeApi) -> None:
    for name in ("b", "a", "c"):
        lake.a_tag(name)

    def names(query: str = "") -> list[str]:
        return [tag["name"] for tag in lake.json("GET", f"{lake.path}/tags{query}")["items"]]

    assert names() == ["b", "a", "c"]
    assert names("?order_by=name") == ["a", "b", "c"]
    assert names("?order_by=-name&limit=2&offset=1") == ["b", "a"]
    assert names("?offset=2") == ["c"]
    assert lake.message(lake.call("GET", f"{lake.path}/tags?order_by=colour"))


def test_attaching_is_idempotent_and_passes_over_what_it_does_not_reach(lake: LakeApi, stranger: LakeApi) -> None:
    tag, data = lake.a_tag("front"), [lake.a_data()["id"] for _ in range(3)]
    foreign = stranger.a_data()["id"]

    first = lake.json("POST", f"/api/tag/{tag}/attach", [*data, data[0], str(uuid4()), foreign])
    second = lake.json("POST", f"/api/tag/{tag}/attach", data)

    assert first == {"tag": {"id": tag, "name": "front", "target_type": "DATA"}, "count": 3}
    assert second["count"] == 3
    assert lake.page(q='tags.name = "front"')["count"] == 3
    assert stranger.json("GET", f"/api/data/{foreign}")["tags"] == []


def test_detaching_takes_the_tag_off(lake: LakeApi) -> None:
    tag = lake.a_tag("front")
    data = [lake.a_data(tags=[tag])["id"] for _ in range(2)]

    answer = lake.json("POST", f"/api/tag/{tag}/detach", [data[0], str(uuid4())])

    assert answer["count"] == 1
    assert [item["id"] for item in lake.page(q='tags.name = "front"')["items"]] == [data[1]]
    assert lake.page(q='tags.name = "front"')["count"] == 1


def test_a_deleted_tag_is_gone_from_its_data(lake: LakeApi) -> None:
    tag = lake.a_tag("front")
    data = lake.a_data(tags=[tag])

    lake.call("DELETE", f"/api/tag/{tag}")

    assert lake.json("GET", f"/api/data/{data['id']}")["tags"] == []
    assert lake.names('tags.name = "front"') == []


def test_a_page_by_tag_counts_right_after_deletions(lake: LakeApi) -> None:
    tag = lake.a_tag("front")
    data = [lake.a_data(tags=[tag])["id"] for _ in range(3)]

    lake.call("DELETE", f"/api/data/{data[0]}")

    assert lake.page(q='tags.name = "front"')["count"] == 2
    assert lake.page()["count"] == 2


def test_many_ids_are_attached_in_one_call(lake: LakeApi) -> None:
    tag, data = lake.a_tag("front"), lake.a_data()["id"]

    answer = lake.json("POST", f"/api/tag/{tag}/attach", [*(str(uuid4()) for _ in range(5000)), data])

    assert answer["count"] == 1


def test_tags_of_other_things_belong_to_the_organization(lake: LakeApi) -> None:
    path, name = f"/api/organization/{lake.organization}/tags", f"tag {uuid4()}"

    tag = lake.json("POST", path, {"name": name, "target_type": "DATASET"})

    assert lake.json("GET", f"{path}/find?name={name}&target_type=DATASET") == tag
    assert lake.call("GET", f"{path}/find?name={name}&target_type=MODEL").status_code == 404
    assert tag in lake.json("GET", f"{path}?target_type=DATASET")["items"]
    assert tag not in lake.json("GET", f"{path}?target_type=MODEL")["items"]
    assert lake.call("GET", f"{lake.path}/tags/find?name={name}").status_code == 404
    assert lake.message(lake.call("POST", path, {"name": name, "target_type": "DATASET"}), 409)
    assert lake.call("POST", path, {"name": name, "target_type": "MODEL"}).ok
    assert lake.message(lake.call("POST", path, {"name": name, "target_type": "DATA"}))
    assert lake.json("POST", f"/api/tag/{tag['id']}/attach", [lake.a_data()["id"]])["count"] == 0


def test_a_source_is_made_found_renamed_and_deleted(lake: LakeApi) -> None:
    path, name = f"/api/organization/{lake.organization}/datasources", f"camera {uuid4()}"
    source = lake.json("POST", path, {"name": name})
    data = lake.a_data(data_source_id=source["id"])

    assert lake.json("GET", f"{path}/find?name={name}") == source
    assert source in lake.json("GET", path)["items"]
    assert lake.json("GET", f"/api/data/source/{source['id']}") == source
    assert lake.message(lake.call("POST", path, {"name": name}), 409)
    assert lake.json("PATCH", f"/api/data/source/{source['id']}", {"name": f"{name} 2"})["name"] == f"{name} 2"
    assert lake.call("DELETE", f"/api/data/source/{source['id']}").ok
    assert lake.call("GET", f"/api/data/source/{source['id']}").status_code == 404
    assert lake.json("GET", f"/api/data/{data['id']}")["data_source"] is None
