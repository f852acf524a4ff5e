"""Hosts are understood in every form that people type, or refused with the part that is wrong and without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.arguments import platform_address
from datalake_ops.errors import ArgumentError

TYPED = [
    ("https://app.picsellia.com", "https://app.picsellia.com"),
    ("https://app.picsellia.com/", "https://app.picsellia.com"),
    ("app.picsellia.com", "https://app.picsellia.com"),
    ("App.Picsellia.com:8443", "https://app.picsellia.com:8443"),
    ("//app.picsellia.com", "https://app.picsellia.com"),
    (" app.picsellia.com\n", "https://app.picsellia.com"),
    ("127.0.0.1:8700", "http://127.0.0.1:8700"),
    ("127.1.2.3", "http://127.1.2.3"),
    ("localhost", "http://localhost"),
    ("localhost:8700/", "http://localhost:8700"),
    ("lake.localhost:1", "http://lake.localhost:1"),
    ("https://localhost:8700", "https://localhost:8700"),
    ("HTTP://10.0.0.1:80", "http://10.0.0.1:80"),
    ("10.0.0.1", "https://10.0.0.1"),
    ("::1", "http://[::1]"),
    ("[::1]:8700", "http://[::1]:8700"),
    ("http://[::1]:8700", "http://[::1]:8700"),
    ("2001:DB8::1", "https://[2001:db8::1]"),
    ("[2001:db8::1]:443", "https://[2001:db8::1]:443"),
    ("münchen.example", "https://münchen.example"),
    ("docker_host:8700", "https://docker_host:8700"),
]


@pytest.mark.parametrize(("typed", "address"), TYPED)
def test_a_host_is_understood_as_it_is_typed(typed: str, address: str) -> None:
    assert platform_address(typed) == address
    assert platform_address(address) == address


@pytest.mark.parametrize(
    ("host", "port", "scheme", "address"),
    [
        ("lake.example", 8700, None, "https://lake.example:8700"),
        ("lake.example", "8700", "http", "http://lake.example:8700"),
        ("lake.example:8700", 8700, None, "https://lake.example:8700"),
        ("http://lake.example", None, "http", "http://lake.example"),
        ("localhost", 8700, "https", "https://localhost:8700"),
        ("::1", 8700, None, "http://[::1]:8700"),
    ],
)
def test_port_and_scheme_may_stand_in_fields_of_their_own(
    host: str, port: object, scheme: str | None, address: str
) -> None:
    assert platform_address(host, port, scheme) == address


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("", "the name is missing"),
        ("https://", "the name is missing"),
        ("https://:8700", "the name is missing"),
        (None, "the name is missing"),
        ("exa\nmple.com", "line break"),
        ("exa\tmple.com", "line break"),
        ("app .com", "a blank"),
        ("ftp://x", "the scheme is 'ftp'"),
        ("https://x/s3cret", "a path"),
        ("x\\s3cret", "a path"),
        ("https://x/?token=s3cret", "a query"),
        ("x?token=s3cret", "a query"),
        ("x#s3cret", "a query or fragment"),
        ("https://user:s3cret@x", "no user or password"),
        ("s3cret@x:1", "no user or password"),
        ("https://s3cret@x/?a=b", "no user or password"),
        ("x:abc", "the port is 'abc'"),
        ("x:0", "the port is '0'"),
        ("x:65536", "the port is '65536'"),
        ("::1:8700", "brackets"),
        ("http://::1:8700", "brackets"),
        ("[::1", "the brackets"),
        ("[::1]8700", "the brackets"),
        ("[localhost]", "no IPv6 address"),
        ("a,b", "the name is 'a,b'"),
        ("a..b", "the name is 'a..b'"),
        ("300.1.1.1", "the name is '300.1.1.1'"),
    ],
)
def test_a_host_that_cannot_be_right_is_refused_with_the_part_and_no_secret(typed: str | None, part: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        platform_address(typed)

    assert part in str(caught.value)
    assert caught.value.field == "host"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "port", "scheme", "says"),
    [
        ("x:8700", 8701, None, "the port 8700, and its own field 8701"),
        ("http://x", None, "https", "the scheme http, and its own field https"),
        ("x", "many", None, "the port is 'many'"),
        ("x", None, "ftp", "the scheme is 'ftp'"),
    ],
)
def test_fields_that_contradict_the_host_are_refused(host: str, port: object, scheme: str | None, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        platform_address(host, port, scheme)


@given(st.text())
def test_any_text_is_an_address_or_refused(typed: str) -> None:
    try:
        address = platform_address(typed)
    except ArgumentError:
        return
    assert address.startswith(("http://", "https://"))
    assert platform_address(address) == address
