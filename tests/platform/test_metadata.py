"""Metadata with fixed keys, custom metadata under a schema, and many changes at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.platform.lakes import LakeApi


def test_metadata_are_replaced_as_a_whole(lake: LakeApi) -> None:
    data = lake.a_data(metadata={"weather": "rain", "altitude": 3})

    changed = lake.json("PATCH", f"/api/data/{data['id']}", {"metadata": {"brand": "Acme", "pitch": None}})
    emptied = lake.json("PATCH", f"/api/data/{data['id']}", {"metadata": None})

    assert changed["metadata"] == {"brand": "Acme"}
    assert emptied["metadata"] is None
    assert emptied["id"] == data["id"]


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"speed": 1}, "speed"),
        ({"latitude": 1.0}, "longitude"),
        ({"longitude": 1.0}, "latitude"),
        ({"latitude": 91, "longitude": 0}, "latitude"),
        ({"latitude": "48", "longitude": 0}, "latitude"),
        ({"altitude": True}, "altitude"),
        ({"weather": 3}, "weather"),
        ({"weather": "x" * 1025}, "1024"),
        ({"brand": "x" * 129}, "128"),
        ({"acquired_at": "yesterday"}, "acquired_at"),
        ({"acquired_at": 1709280000}, "acquired_at"),
        ([], "metadata"),
        ("text", "metadata"),
    ],
)
def test_metadata_that_do_not_hold_are_refused_by_name(lake: LakeApi, metadata: object, says: str) -> None:
    data = lake.a_data(metadata={"weather": "rain"})

    answer = lake.call("PATCH", f"/api/data/{data['id']}", {"metadata": metadata})

    lake.message(answer)
    assert says in answer.text
    assert lake.json("GET", f"/api/data/{data['id']}")["metadata"] == {"weather": "rain"}


@pytest.mark.parametrize("moment", ["2024-03-01T10:00:00", "2024-03-01T10:00:00.5+02:00", "2024-03-01T10:00:00Z"])
def test_moments_in_their_normal_form_stay_as_they_were_written(lake: LakeApi, moment: str) -> None:
    data = lake.a_data(metadata={"acquired_at": moment, "weather": "x" * 1024, "brand": "y" * 128})

    assert data["metadata"]["acquired_at"] == moment


def test_custom_metadata_are_replaced_and_keep_their_nulls(lake: LakeApi) -> None:
    data = lake.a_data(custom_metadata={"old": 1})
    path = f"/api/data/{data['id']}/custom-metadata"
    custom = {"n": None, "deep": {"list": [1, 2.5, "x", True, None]}, "é ü": "ß", "big": 2**63 - 1}

    assert lake.json("PATCH", path, {"custom_metadata": custom}) == {"custom_metadata": custom}
    assert lake.json("GET", f"/api/data/{data['id']}")["custom_metadata"] == custom
    assert lake.json("PATCH", path, {"custom_metadata": None}) == {"custom_metadata": None}


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "text": {"input_type": "STRING", "required": False, "display_name": "A text"},
    "line": {"input_type": "STRING", "required": False, "choices": ["a", "b"], "allow_multiple": True},
    "count": {"input_type": "INTEGER", "required": False, "min": 1, "max": 9},
    "ratio": {"input_type": "FLOAT", "required": False, "choices": [0.5, 1.0]},
    "seen": {"input_type": "DATETIME", "required": False, "min": "2024-01-01T00:00:00Z"},
    "ok": {"input_type": "BOOLEAN", "required": False},
}


@pytest.fixture
def schema(lake: LakeApi) -> str:
    """Path of a lake's schema that has a key of every type."""
    path = f"{lake.path}/custom-metadata"
    for key, configuration in CONFIGURATIONS.items():
        lake.json("POST", f"{path}/keys/{key}", configuration)
    return path


def test_a_schema_gives_back_what_was_configured(lake: LakeApi, schema: str) -> None:
    found = lake.json("GET", schema)

    stored = found["custom_metadata_schema"]
    assert {key: {**stored[key], **CONFIGURATIONS[key]} for key in CONFIGURATIONS} == stored
    assert all(set(stored[key]) <= {*CONFIGURATIONS[key], "archived"} for key in CONFIGURATIONS)
    assert found["allow_extra_custom_metadata"] is True
    assert found["keys"] == {}


def test_a_lake_without_schema_says_so(lake: LakeApi) -> None:
    assert lake.json("GET", f"{lake.path}/custom-metadata")["custom_metadata_schema"] is None


def test_a_key_may_hold_anything_and_is_deleted(lake: LakeApi) -> None:
    path, key = f"{lake.path}/custom-metadata", "a/b c%é?"
    address = f"{path}/keys/{quote(key, safe='')}"

    lake.json("POST", address, CONFIGURATIONS["ok"])

    assert list(lake.json("GET", path)["custom_metadata_schema"]) == [key]
    assert lake.call("DELETE", address).ok
    assert lake.json("GET", path)["custom_metadata_schema"] is None
    assert lake.message(lake.call("DELETE", address), 404)


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"input_type": "STRING"},
        {"input_type": "TEXT", "required": False},
        {"input_type": "STRING", "required": False, "colour": "red"},
        {"input_type": "STRING", "required": False, "choices": ["only one"]},
        {"input_type": "STRING", "required": False, "choices": [1, 2]},
        {"input_type": "INTEGER", "required": False, "choices": []},
        {"input_type": "INTEGER", "required": False, "choices": list(range(65))},
        {"input_type": "INTEGER", "required": False, "choices": [1], "min": 0},
        {"input_type": "INTEGER", "required": False, "min": 5, "max": 5},
        {"input_type": "INTEGER", "required": False, "min": 0.5},
        {"input_type": "FLOAT", "required": False, "allow_multiple": True},
        {"input_type": "DATETIME", "required": False, "min": "2024-01-01T00:00:00"},
        {"input_type": "BOOLEAN", "required": True, "archived": True},
        {"input_type": "BOOLEAN", "required": False, "display_name": ""},
        {"input_type": "BOOLEAN", "required": False, "display_name": "x" * 257},
        {"input_type": "BOOLEAN", "required": False, "choices": [True]},
        "BOOLEAN",
    ],
    ids=str,
)
def test_a_configuration_that_breaks_a_rule_is_refused(lake: LakeApi, configuration: object) -> None:
    answer = lake.call("POST", f"{lake.path}/custom-metadata/keys/k", configuration)

    assert lake.message(answer)
    assert lake.json("GET", f"{lake.path}/custom-metadata")["custom_metadata_schema"] is None


def test_a_key_is_shorter_than_256_characters(lake: LakeApi) -> None:
    path = f"{lake.path}/custom-metadata/keys"

    assert lake.call("POST", f"{path}/{'k' * 255}", CONFIGURATIONS["ok"]).ok
    assert lake.message(lake.call("POST", f"{path}/{'k' * 256}", CONFIGURATIONS["ok"]))


@pytest.mark.parametrize(
    ("custom", "fits"),
    [
        ({"text": "x"}, True),
        ({"text": 1}, False),
        ({"text": None}, True),
        ({"line": "a"}, True),
        ({"line": ["a", "b"]}, True),
        ({"line": ["a", "c"]}, False),
        ({"count": 1}, True),
        ({"count": 0}, False),
        ({"count": 10}, False),
        ({"count": True}, False),
        ({"count": 1.5}, False),
        ({"count": [1]}, False),
        ({"ratio": 1}, True),
        ({"ratio": 0.75}, False),
        ({"seen": "2024-03-01T00:00:00+02:00"}, True),
        ({"seen": "2024-03-01T00:00:00"}, False),
        ({"seen": "2023-12-31T23:59:59Z"}, False),
        ({"ok": False}, True),
        ({"ok": "yes"}, False),
        ({"free": {"any": "thing"}}, True),
        ({"": 1}, False),
    ],
    ids=str,
)
def test_custom_metadata_have_to_fit_the_schema(
    lake: LakeApi, schema: str, custom: dict[str, object], fits: bool
) -> None:
    data = lake.a_data()

    answer = lake.call("PATCH", f"/api/data/{data['id']}/custom-metadata", {"custom_metadata": custom})
    registered = lake.register(lake.upload(b"x"), custom_metadata=custom)

    assert (answer.ok, registered.ok) == (fits, fits)
    if not fits:
        assert "custom_metadata" in lake.message(answer)


def test_keys_outside_the_schema_can_be_forbidden(lake: LakeApi, schema: str) -> None:
    lake.json("PATCH", schema, {"allow_extra_custom_metadata": False})

    refused = lake.register(lake.upload(b"x"), custom_metadata={"free": 1})

    assert "free" in lake.message(refused)
    assert lake.register(lake.upload(b"x"), custom_metadata={"ok": True}).ok
    assert lake.json("GET", schema)["allow_extra_custom_metadata"] is False


def test_a_required_key_is_asked_for_once_some_custom_metadata_are_given(lake: LakeApi) -> None:
    lake.json("POST", f"{lake.path}/custom-metadata/keys/line", {"input_type": "STRING", "required": True})

    assert "line" in lake.message(lake.register(lake.upload(b"x"), custom_metadata={"other": 1}))
    assert lake.register(lake.upload(b"x"), custom_metadata={"line": "a"}).ok
    assert lake.register(lake.upload(b"x")).ok


def test_many_data_are_changed_at_once(lake: LakeApi) -> None:
    tag = lake.a_tag("kept")
    one = lake.a_data("one.jpg", tags=[tag], metadata={"weather": "rain"}, custom_metadata={"k": 1})
    two = lake.a_data("two.jpg")
    source = f"camera {uuid4()}"
    nothing = {"metadata": None, "custom_metadata": None, "tags": [], "data_source": None}

    changes = {
        one["id"]: {**nothing, "tags": ["new", "kept", "new"], "data_source": source},
        two["id"]: {**nothing, "metadata": {"weather": "sun"}, "custom_metadata": {"k": 2}, "tags": ["new"]},
    }
    lake.json("PATCH", f"{lake.path}/data/bulk", {"datalake_id": lake.lake["id"], "objects": changes})

    first, second = (lake.json("GET", f"/api/data/{data['id']}") for data in (one, two))
    assert (first["metadata"], first["custom_metadata"]) == ({"weather": "rain"}, {"k": 1})
    assert [tag["name"] for tag in first["tags"]] == ["kept", "new"]
    assert first["data_source"]["name"] == source
    assert (second["metadata"], second["custom_metadata"]) == ({"weather": "sun"}, {"k": 2})
    assert second["data_source"] is None


def test_a_bulk_change_is_all_or_nothing_and_names_the_data(lake: LakeApi) -> None:
    one, two = lake.a_data()["id"], lake.a_data()["id"]
    objects = {one: {"tags": ["never"], "metadata": {"weather": "x"}}, two: {"metadata": {"speed": 1}}}

    answer = lake.call("PATCH", f"{lake.path}/data/bulk", {"objects": objects})

    message = lake.message(answer)
    assert two in message
    assert "speed" in message
    assert lake.json("GET", f"/api/data/{one}")["metadata"] is None
    assert lake.json("GET", f"{lake.path}/tags")["items"] == []


def test_a_bulk_change_of_unknown_or_foreign_data_is_404(lake: LakeApi, stranger: LakeApi) -> None:
    for unknown in (str(uuid4()), stranger.a_data()["id"]):
        answer = lake.call("PATCH", f"{lake.path}/data/bulk", {"objects": {unknown: {"tags": ["x"]}}})
        assert unknown in lake.message(answer, 404)


@pytest.mark.parametrize("count", [0, 101])
def test_a_bulk_change_has_1_to_100_entries(lake: LakeApi, count: int) -> None:
    objects = {str(uuid4()): {"tags": []} for _ in range(count)}

    assert lake.message(lake.call("PATCH", f"{lake.path}/data/bulk", {"objects": objects}))
