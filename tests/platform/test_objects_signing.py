"""Signed permissions: whatever is changed of one, it is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.platform.objects.signing import GET, PUT, Grant, RefusedGrantError, Signer

SIGNER = Signer(b"secret" * 6)
NOW = 1_000_000
KEYS = st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text and text.isprintable())


def a_grant(**changes: object) -> Grant:
    return replace(Grant(PUT, "connector", "a/b.jpg", NOW + 60, "image/jpeg", 10, "upload", 3), **changes)


def read(signer: Signer, query: str, method: str = PUT, now: float = NOW) -> Grant:
    return signer.read_query(dict(parse_qsl(query, keep_blank_values=True)), method, now)


@given(KEYS, KEYS)
def test_what_was_signed_is_read_back(key: str, content_type: str) -> None:
    grant = a_grant(key=key, content_type=content_type)

    assert read(SIGNER, SIGNER.query(grant)) == grant
    assert SIGNER.read_form({**SIGNER.form_fields(a_grant(key=key, method="POST")), "Content-Type": "image/jpeg"}, NOW)


@pytest.mark.parametrize("name", [field.name for field in fields(Grant)])
def test_every_field_is_bound_by_the_signature(name: str) -> None:
    grant = a_grant()
    value = getattr(grant, name)
    other = replace(grant, **{name: value + 1 if isinstance(value, int) else f"{value}x"})

    assert SIGNER.signature(other) != SIGNER.signature(grant)


@given(st.lists(st.text(alphabet="a\0=&", max_size=3), min_size=8, max_size=8), st.data())
def test_no_two_permissions_are_signed_by_the_same_text(values: list[str], data: st.DataObject) -> None:
    texts = dict(zip(("connector", "key", "content_type", "upload"), values, strict=False))
    others = dict(zip(("connector", "key", "content_type", "upload"), values[4:], strict=False))
    try:
        same = SIGNER.signature(a_grant(**texts)) == SIGNER.signature(a_grant(**others))
    except RefusedGrantError:
        return

    assert same == (texts == others)


def test_an_address_ends_at_its_second() -> None:
    query = SIGNER.query(a_grant())

    assert read(SIGNER, query, now=NOW + 59.9)
    with pytest.raises(RefusedGrantError, match="expired"):
        read(SIGNER, query, now=NOW + 60)


@pytest.mark.parametrize(
    "query", ["", "signature=", "key=a", "expires=x&connector=c&key=k", "connector=c&key=k&expires=1"]
)
def test_half_an_address_is_refused(query: str) -> None:
    with pytest.raises(RefusedGrantError):
        read(SIGNER, query)


def test_another_secret_and_another_method_are_refused() -> None:
    query = SIGNER.query(a_grant())

    with pytest.raises(RefusedGrantError):
        read(Signer(b"other" * 6), query)
    with pytest.raises(RefusedGrantError):
        read(SIGNER, query, method=GET)


@pytest.mark.parametrize("policy", ["", "no base64!", "bm8ganNvbg==", "W10=", "e30="])
def test_a_policy_that_is_none_is_refused(policy: str) -> None:
    with pytest.raises(RefusedGrantError):
        SIGNER.read_form({"policy": policy, "signature": "x", "key": "a"}, NOW)


def test_the_secret_is_not_shown() -> None:
    assert "secretsecret" not in repr(SIGNER)
