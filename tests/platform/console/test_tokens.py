"""Tokens in the console: an admin makes and revokes them, a user does not see them."""

from __future__ import annotations

import re

import requests

from datalake_ops.testing import PlatformServer
from tests.platform.console.visitor import Visitor
from tests.platform.lakes import LakeApi


def test_an_admin_makes_a_token_that_works_until_it_is_revoked(
    visitor: Visitor, datalake_platform: PlatformServer
) -> None:
    here = visitor.get("/").path + "/tokens"
    visitor.get(here)
    made = visitor.post(here, {"name": "<b>robot</b>", "days": "2"})
    found = re.search(r"dlo_[\w-]+", made.text)
    assert found, made.text
    guest = Visitor(datalake_platform.url)
    signed_in = guest.sign_in(found[0])
    line = re.search(r'(?s)<td class="code">([0-9a-f]{12})</td>\s*<td>&lt;b&gt;robot', made.html)
    assert line, made.html

    seen_again = found[0] in visitor.get(here).html
    guests = guest.get(here)
    revoked = visitor.post(f"{here}/revoke", {"id": line[1]})

    assert signed_in.status == 200
    assert not seen_again
    assert guests.status == 403
    assert f"{line[1]} was revoked" in revoked.text
    assert guest.get("/").path.startswith("/sign-in")
    headers = {"Authorization": f"Bearer {found[0]}"}
    assert requests.get(f"{datalake_platform.url}/api/home/ping", headers=headers, timeout=60).status_code == 401


def test_tokens_of_another_organization_are_neither_seen_nor_revoked(visitor: Visitor, stranger: LakeApi) -> None:
    from datalake_ops.platform.store.tokens import digest

    theirs = digest(stranger.token).hex()[:12]
    here = visitor.get("/").path + "/tokens"

    listed = visitor.get(here)
    refused = visitor.post(f"{here}/revoke", {"id": theirs})

    assert theirs not in listed.html
    assert refused.status == 404
    assert visitor.post(here, {"name": "x", "days": "0"}).status == 400
