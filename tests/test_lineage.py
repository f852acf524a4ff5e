"""One name for the data of a lake, whoever writes it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.errors import ConfigurationError
from datalake_ops.lineage import LakeUri
from datalake_ops.testing import PlatformServer

NAMES = st.text(st.characters(codec="utf-8"), min_size=1)
TAGS = NAMES.filter(str.strip)
WORDS = st.none() | TAGS
LAKE = LakeUri("app.picsellia.com", "acme", "photos")


def test_a_lake_is_named_by_host_organization_and_lake() -> None:
    assert str(LAKE) == "datalake://app.picsellia.com/acme/photos"


def test_some_data_of_a_lake_are_named_by_tags_source_and_query() -> None:
    some = LAKE.with_(tags=["raw", "night", "raw"], source="camera 1", q="width > 1000")

    assert str(some) == f"{LAKE}?q=width+%3E+1000&source=camera+1&tags=night&tags=raw"
    assert some.lake == LAKE


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://App.Picsellia.com", "app.picsellia.com"),
        ("https://app.picsellia.com:443/", "app.picsellia.com"),
        ("http://127.0.0.1:8700", "127.0.0.1:8700"),
        ("http://localhost:80", "localhost"),
        ("http://[::1]:8700", "[::1]:8700"),
        ("app.picsellia.com", "app.picsellia.com"),
    ],
)
def test_the_host_is_that_of_the_platforms_address(address: str, host: str) -> None:
    assert LakeUri.of(address, "acme", "photos").host == host


@given(NAMES, NAMES, st.lists(TAGS), WORDS, WORDS)
def test_a_uri_reads_back_as_itself(
    organization: str, lake: str, tags: list[str], source: str | None, q: str | None
) -> None:
    uri = LakeUri("127.0.0.1:8700", organization, lake, tuple(tags), source, q)

    assert LakeUri.parse(str(uri)) == uri
    assert str(LakeUri.parse(str(uri))) == str(uri)
    assert str(uri).isascii()


@given(st.lists(TAGS), WORDS, WORDS)
def test_airflow_would_sort_and_escape_the_parameters_alike(tags: list[str], source: str | None, q: str | None) -> None:
    query = urlsplit(str(LAKE.with_(tags, source, q))).query

    assert urlencode(sorted(parse_qsl(query))) == query


@given(NAMES, st.lists(TAGS, max_size=3), WORDS)
def test_a_key_has_only_characters_that_prefect_allows_and_tells_apart_what_differs(
    organization: str, tags: list[str], q: str | None
) -> None:
    uri = LakeUri("h", organization, "photos", tuple(tags), None, q)
    try:
        key, other = uri.key, uri.with_((*tags, "one more"), q=q).key
    except ConfigurationError:
        return

    assert re.fullmatch(r"[A-Za-z0-9:/_.~=-]+", key)
    assert key != other


def test_a_key_of_plain_names_is_the_uri_with_its_parameters_in_the_path() -> None:
    assert LAKE.key == str(LAKE)
    assert LAKE.with_(tags=["raw", "line 3"]).key == f"{LAKE}/tags=line~203/tags=raw"


def test_a_key_too_long_for_prefect_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at most 512 characters"):
        _ = LAKE.with_(q="x" * 512).key


def test_the_query_matches_what_carries_every_tag_and_came_from_the_source() -> None:
    some = LAKE.with_(tags=["raw", "night"], source='"left" camera', q="width > 1 or height > 1")

    assert some.query == (
        '((tags.name = "night" and tags.name = "raw") and (width > 1 or height > 1))'
        ' and (data_source.name = "\\"left\\" camera")'
    )
    assert LAKE.query == ""


def test_openlineage_has_the_platform_as_namespace_and_the_rest_as_name() -> None:
    tagged = LAKE.with_(tags=["raw"])

    assert (tagged.namespace, tagged.name) == ("datalake://app.picsellia.com", "acme/photos?tags=raw")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("datalake://host/acme", "no URI of a lake"),
        ("datalake://host/acme/photos/more", "no URI of a lake"),
        ("datalake://host//photos", "no URI of a lake"),
        ("datalake:///acme/photos", "no host"),
        ("datalake://user@host/acme/photos", "no host"),
        ("s3://host/acme/photos", "no URI of a lake"),
        ("datalake://host/acme/photos?tags=", "An empty tags"),
        ("datalake://host/acme/photos?tags=raw&source=%20", "An empty source"),
        ("datalake://host/acme/photos?tag=raw", r"unknown parameters \['tag'\]"),
        ("datalake://host/acme/photos?q=a&q=b", "names q 2 times"),
    ],
)
def test_what_names_no_lake_is_refused_with_the_reason(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        LakeUri.parse(text)


@pytest.mark.parametrize("narrowed", [{"tags": [" "]}, {"tags": ["raw", ""]}, {"source": ""}, {"q": " "}])
def test_a_blank_narrowing_does_not_name_the_whole_lake(narrowed: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="chooses no data"):
        LAKE.with_(**narrowed)


def test_the_hook_names_the_lake_it_is_connected_to(datalake_platform: PlatformServer) -> None:
    datalake_platform.add_lake("line 3")
    with datalake_platform.hook(datalake_name="line 3") as hook:
        uri = hook.lake_uri(tags=["raw"])
        organization = hook.context.organization.name

    assert uri == LakeUri.of(datalake_platform.url, organization, "line 3").with_(tags=["raw"])
