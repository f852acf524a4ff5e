"""Nothing that is sent makes the platform fail: every route with bodies and parameters that nobody would send."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import requests

from datalake_ops.testing import PlatformServer
from tests.platform.lakes import LakeApi

NASTY: list[Any] = [
    None, True, 0, -1, 2**63, 2**64, 1e308, 0.5, "", " ", "x" * 5000, "\0", "\ud800", "é\u202e", "../..", "%00",
    "'; --", '"', [], [None], [[]], {}, {"": None}, {"a": {"b": [1]}}, "2024-13-45",
]  # fmt: skip
PARAMETERS = ["limit", "offset", "cursor", "q", "order_by", "custom_metadata", "upload_statuses", "types", "id", "name"]
DATA: dict[str, Any] = {
    "type": "IMAGE", "filename": "a.jpg", "object_name": "a/b.jpg", "content_type": "image/jpeg", "tags": [],
    "data_source_id": None, "meta": {"width": 1, "height": 1}, "metadata": {"weather": "x"}, "custom_metadata": {},
}  # fmt: skip
CHANGE: dict[str, Any] = {"metadata": {"latitude": 1, "longitude": 2}, "custom_metadata": {"k": 1}, "tags": ["t"]}
PROCESSING: dict[str, Any] = {
    "name": "p", "target": "DATALAKE", "description": "d", "type": None, "default_cpu": 1, "default_gpu": 0,
    "default_parameters": {"a": 1}, "docker_image": "none", "docker_tag": "1", "docker_flags": [],
}  # fmt: skip
# Bodies that hold, by the end of the path; a test spoils one or two of their values.
BODIES: dict[str, Any] = {
    "POST datas": DATA,
    "XGET datas": {"filenames": ["a.jpg"], "upload_statuses": ["DONE"], "types": ["IMAGE"], "q": "width = 1"},
    "DELETE datas": {"ids": [str(uuid4())]},
    "PATCH bulk": {"datalake_id": str(uuid4()), "objects": {str(uuid4()): CHANGE}},
    "PATCH {data}": {"metadata": {"latitude": 1.0, "longitude": 2.0, "acquired_at": "2024-01-01"}},
    "PATCH custom-metadata": {"custom_metadata": {"k": {"deep": [1, None]}}, "allow_extra_custom_metadata": True},
    "POST {key}": {"input_type": "FLOAT", "required": False, "min": 0, "max": 1, "display_name": "x"},
    "POST projections": {
        "name": "p", "file_size": 1, "object_name": "a/b.png", "filename": "b.png", "content_type": "image/png",
        "width": 1, "height": 1, "additional_info": {"k": 1},
    },
    "POST tags": {"name": "t", "target_type": "DATASET"},
    "PATCH {tag}": {"name": "t"},
    "PATCH {source}": {"name": "t"},
    "POST datasources": {"name": "t"},
    "POST attach": [str(uuid4())],
    "POST generate_object_name": {"filename": "a.jpg", "type": "DATA", "upload_dir": "d", "context": {"job_id": "x"}},
    "POST generate_presigned_url": {"object_name": "a/b", "content_type": "image/jpeg"},
    "POST init_multipart_upload": {"object_name": "a/b", "content_type": "image/jpeg"},
    "POST generate_part_presigned_url": {"object_name": "a/b", "upload_id": "u", "part_no": 1},
    "POST complete_part_upload": {"object_name": "a/b", "upload_id": "u", "parts": [{"ETag": "e", "PartNumber": 1}]},
    "POST retrieve_presigned_url": {"object_name": "a/b"},
    "POST stat": {"object_name": "a/b"},
    "POST objects": {"datalake_id": str(uuid4()), "prefixes": ["none/"], "tag_ids": [], "objects": {"a/b": CHANGE}},
    "POST launch": {"processing_id": str(uuid4()), "parameters": {}, "data_ids": [], "cpu": 1, "gpu": 0, "inputs": {}},
    "POST processings": PROCESSING,
    "POST logging": {"line_nb": 0, "log": ["x"], "final": False, "part": "p", "special": False},
    "POST batch": {"ids": [str(uuid4())]},
}  # fmt: skip


def a_body(dice: random.Random, method: str, path: str) -> Any:
    valid = BODIES.get(f"{method} {path.replace(':path', '').rpartition('/')[2]}")
    if valid is None or dice.random() < 0.1:
        return dice.choice(NASTY)
    return spoiled(dice, valid)


def spoiled(dice: random.Random, value: Any) -> Any:
    """A copy in which one value, somewhere within, is one that nobody would send."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        if dice.random() < 0.1:
            return {**value, str(dice.choice(NASTY)): value[key]}
        return {**value, key: spoiled(dice, value[key])}
    if isinstance(value, list) and value and dice.random() < 0.7:
        return [spoiled(dice, value[0]), *value[1:]]
    return dice.choice(NASTY)


def a_query(dice: random.Random) -> str:
    pairs = [(name, dice.choice(NASTY)) for name in dice.sample(PARAMETERS, dice.randrange(4))]
    return urlencode(
        [(name, json.dumps(value) if dice.random() < 0.5 else str(value)) for name, value in pairs], errors="replace"
    )


@pytest.mark.parametrize("seed", range(3))
def test_no_request_makes_the_platform_fail(datalake_platform: PlatformServer, lake: LakeApi, seed: int) -> None:
    dice = random.Random(seed)
    ids = {
        "organization": lake.organization,
        "datalake": lake.lake["id"],
        "connector": lake.connector,
        "data": lake.a_data()["id"],
        "tag": lake.a_tag("tag"),
        "source": lake.a_source(f"source {uuid4()}"),
        "key": "k",
        "name": "n",
        "state": "running",
    }
    failed = {}
    for method, path in [*table(datalake_platform), ("XGET", "/api/datalake/{datalake}/datas")] * 5:
        if (method, path) == ("DELETE", "/api/data/{data}"):
            continue
        filled = path.format(**{**dict.fromkeys(("chart", "projection", "processing", "job"), str(uuid4())), **ids})
        body = json.dumps(a_body(dice, method, path)).encode() if dice.random() < 0.95 else dice.randbytes(20)
        answer = requests.request(
            method,
            f"{lake.url}{filled}?{a_query(dice)}",
            data=None if method == "GET" else body,
            headers={"Authorization": f"Bearer {lake.token}", "Content-Type": "application/json"},
            timeout=30,
        )
        if answer.status_code >= 500 and answer.status_code != 501:
            failed[method, path, answer.text] = (body[:500], answer.url)

    assert failed == {}


def table(server: PlatformServer) -> list[tuple[str, str]]:
    document = requests.get(f"{server.url}/openapi.json", timeout=30).json()
    paths = {path: methods for path, methods in document["paths"].items() if path.startswith("/api/")}
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]
