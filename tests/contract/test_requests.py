"""What the hook sends for a scenario is what the official SDK sends for it: same calls, same fields, never more."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest

from datalake_ops.testing import PlatformServer
from datalake_ops.wire.lakes import Extension
from tests.contract.clients import Client, HookClient, SdkClient


def shape(request: dict[str, Any]) -> tuple[str, str, tuple[str, ...], str]:
    """Method, path without ids, query keys and the body's fields."""
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", request["path"])
    body = request["body"]
    fields = sorted(body) if isinstance(body, dict) else type(body).__name__
    return (
        request["method"],
        path,
        tuple(sorted({key for key, _ in parse_qsl(request["query"], keep_blank_values=True)})),
        str(fields),
    )


def sent(server: PlatformServer, client: Client, scenario: Callable[[Client], Any]) -> Counter[Any]:
    server.clear_requests()
    scenario(client)
    return Counter(shape(request) for request in server.requests() if request["path"].startswith("/api/"))


SCENARIOS: dict[str, Callable[[Client, list[Path]], Any]] = {
    "upload one": lambda client, photos: client.upload(photos[0]),
    "upload several": lambda client, photos: client.upload(
        photos,
        tags=["a"],
        source=f"new {uuid4()}",
        metadata=[{"reference": "r"}] * 3,
        custom_metadata=[{"k": 1}] * 3,
        fill_metadata=True,
    ),
    "list": lambda client, photos: client.list(),
    "list by tag": lambda client, photos: client.list(tags=["kept"]),
    "list ordered": lambda client, photos: client.list(order_by=["filename"], limit=2),
    "list named": lambda client, photos: client.list(filenames=["car.jpg"], q='filename ~ "c"'),
    "find": lambda client, photos: client.find(filename="car.jpg"),
    "create a tag": lambda client, photos: client.get_or_create_tag("new"),
    "list tags": lambda client, photos: client.tag_names(limit=3, order_by=["name"]),
    "attach": lambda client, photos: client.add_tags(["car.jpg"], ["kept"]),
    "detach": lambda client, photos: client.remove_tags(["car.jpg"], ["kept"]),
    "project": lambda client, photos: client.project("car.jpg", "p", photos[1], additional_info={"a": 1}),
    "update metadata": lambda client, photos: client.update_metadata("car.jpg", {"weather": "sun"}),
    "update many": lambda client, photos: client.update_many({"car.jpg": {"tags": ["m"]}}),
    "delete": lambda client, photos: client.delete(["car.jpg"]),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_hook_sends_what_the_official_sdk_sends(
    name: str, clients: tuple[HookClient, SdkClient], datalake_platform: PlatformServer, photos: list[Path]
) -> None:
    # Names and addresses for many files in one request are an extension.
    datalake_platform.withhold(Extension.PRESIGNED_BATCH)
    for client in clients:
        client.upload([photos[0], photos[2]], tags=["kept"])

    ours, theirs = (sent(datalake_platform, client, lambda one: SCENARIOS[name](one, photos)) for client in clients)

    datalake_platform.withhold()
    more = ours - theirs
    assert not more, f"the hook sent what the official SDK does not: {dict(more)}"
    assert ours


def test_starting_asks_no_more_than_the_official_sdk(datalake_platform: PlatformServer) -> None:
    datalake_platform.clear_requests()

    with datalake_platform.hook() as hook:
        assert hook.context.datalake

    paths = [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", request["path"]) for request in datalake_platform.requests()]
    assert paths == ["/api/home/ping", "/api/organization/*", "/api/organization/*/datalake"]
