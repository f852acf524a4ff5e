"""A connection is checked when it is made, and never shows its token."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from datalake_ops import Connection, RetryPolicy, Timeouts
from datalake_ops.errors import ConfigurationError

HOST = "http://127.0.0.1:8765"


def test_the_token_is_in_no_repr() -> None:
    assert "s3cret" not in repr(Connection(host=HOST, api_token="s3cret"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"host": "app.picsellia.com/lake"}, "root of its origin"),
        ({"host": "ftp://x"}, "no address"),
        ({"host": "https://x/picsellia"}, "root of its origin"),
        ({"host": "https://user:word@x"}, "no user or password"),
        ({"api_token": ""}, "DATALAKE_API_TOKEN"),
        ({"api_token": "a\nb"}, "copy it again"),
        ({"organization_id": "visionaries"}, "organization_name"),
        ({"datalake_id": "default"}, "datalake_name"),
    ],
)
def test_what_cannot_be_right_is_refused_with_what_to_do(changes: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Connection(**{"host": HOST, "api_token": "t", **changes})


def test_an_id_given_as_text_becomes_a_uuid() -> None:
    text = "11111111-1111-4111-8111-111111111111"

    assert Connection(host=HOST, api_token="t", organization_id=text).organization_id == UUID(text)


def test_the_environment_names_the_platform_and_an_argument_wins_over_it() -> None:
    environment = {
        "DATALAKE_HOST": HOST + "/",
        "DATALAKE_API_TOKEN": "t",
        "DATALAKE_NAME": "lake",
        "PICSELLIA_TOKEN": "u",
    }

    connection = Connection.from_env(environment, datalake_name="other")

    assert (connection.host, connection.api_token, connection.datalake_name) == (HOST, "t", "other")


def test_the_official_sdks_variable_is_read_when_ours_is_absent() -> None:
    assert Connection.from_env({"PICSELLIA_TOKEN": "u"}).api_token == "u"


def test_a_host_without_a_scheme_is_understood_in_the_environment_too() -> None:
    assert (
        Connection.from_env({"PICSELLIA_TOKEN": "u", "DATALAKE_HOST": "localhost:8700"}).host == "http://localhost:8700"
    )


def test_a_mapping_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="tokken"):
        Connection.from_mapping({"host": HOST, "tokken": "t"})


def test_a_retry_policy_that_cannot_be_right_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="attempts"):
        RetryPolicy(attempts=0)


@pytest.mark.parametrize("value", ["soon", -1, 0, True], ids=repr)
def test_a_timeout_that_cannot_be_right_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="api_timeout cannot be"):
        Timeouts(api=value)
