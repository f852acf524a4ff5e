"""A lake of one's own, in plain HTTP."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import requests

from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.images import a_jpeg

# What the official SDK adds to every search and listing.
EVERYTHING = {"upload_statuses": ["PENDING", "COMPUTING", "DONE", "ERROR"], "types": ["IMAGE", "VIDEO"]}
SMALL_JPEG = a_jpeg(64, 48)


class LakeApi(Api):
    """Calls a platform for one lake; without `lake_id` the organization's default one."""

    def __init__(self, server: PlatformServer, token: str | None = None, lake_id: str | None = None) -> None:
        super().__init__(server, token)
        if lake_id is not None:
            self.lake = self.json("GET", f"/api/datalake/{lake_id}")
        self.token = token or server.token
        self.path = f"/api/datalake/{self.lake['id']}"

    def a_tag(self, name: str) -> str:
        """Id of a new tag."""
        return str(self.json("POST", f"{self.path}/tags", {"name": name})["id"])

    def a_source(self, name: str) -> str:
        """Id of a new source."""
        path = f"/api/organization/{self.organization}/datasources"
        return str(self.json("POST", path, {"name": name})["id"])

    def a_data(self, filename: str = "photo.jpg", content: bytes = SMALL_JPEG, **more: Any) -> dict[str, Any]:
        """A new data, registered from an uploaded file."""
        answer = self.register(self.upload(content, filename), filename, **more)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def register(self, object_name: str, filename: str = "photo.jpg", **more: Any) -> requests.Response:
        """Register an object; `more` overrides the fields of the body."""
        body = {
            "type": "IMAGE",
            "filename": filename,
            "object_name": object_name,
            "content_type": "image/jpeg",
            "tags": [],
            "data_source_id": None,
            **more,
        }
        return self.call("POST", f"{self.path}/datas", body)

    def page(self, **query: Any) -> dict[str, Any]:
        """A page of the listing of everything, or of what the query says."""
        answer = self.listing(**{**EVERYTHING, **query})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def listing(self, **query: Any) -> requests.Response:
        """The answer of a listing, refused or not."""
        return self.call("GET", f"{self.path}/datas?{urlencode(query, doseq=True)}")

    def names(self, q: str = "", **query: Any) -> list[str]:
        """File names that a query finds, sorted."""
        page = self.page(q=q, **query)
        assert page["count"] == len(page["items"])
        return sorted(item["filename"] for item in page["items"])

    def chosen(self, query: str = "", **body: Any) -> requests.Response:
        """A listing by ids, file names or object names."""
        return self.call("XGET", f"{self.path}/datas{query}", {**EVERYTHING, **body})

    def message(self, answer: requests.Response, status: int = 400) -> str:
        """The message of a refusal, which has to have the wire's form."""
        assert answer.status_code == status, f"{answer.status_code} {answer.text}"
        body = json.loads(answer.content)
        assert set(body) == {"message", "detail"}
        assert body["message"]
        return str(body["message"])
