"""Uploads in parts, and the files that a platform stores, for the tests of its storage."""

from __future__ import annotations

from pathlib import Path

import requests

from datalake_ops.testing import PlatformServer
from tests.platform.api import Api

MEBI = 1024 * 1024
PART = 25 * MEBI


def stored_files(server: PlatformServer) -> set[Path]:
    return {path for path in (server.home / "objects").rglob("*") if path.is_file()}


class MultipartUpload:
    """An upload in parts, as the official SDK drives it."""

    def __init__(self, api: Api, name: str | None = None) -> None:
        self._api = api
        self._path = f"/api/object-storage/{api.connector}"
        self.name = name or api.object_name("large.mp4")
        body = {"object_name": self.name, "content_type": "video/mp4"}
        self.id = api.json("POST", f"{self._path}/init_multipart_upload", body)["upload_id"]

    def part_address(self, number: int) -> str:
        body = {"object_name": self.name, "upload_id": self.id, "part_no": number}
        return str(self._api.json("POST", f"{self._path}/generate_part_presigned_url", body)["url"])

    def put(self, number: int, content: bytes) -> dict[str, object]:
        answer = self._api.storage("PUT", self.part_address(number), data=content)
        assert answer.status_code < 400, answer.text
        return {"ETag": answer.headers["ETag"], "PartNumber": number}

    def listed(self) -> requests.Response:
        return self._api.call("POST", f"{self._path}/list_parts", {"object_name": self.name, "upload_id": self.id})

    def complete(self, parts: list[dict[str, object]]) -> requests.Response:
        body = {"object_name": self.name, "upload_id": self.id, "parts": parts}
        return self._api.call("POST", f"{self._path}/complete_part_upload", body)
