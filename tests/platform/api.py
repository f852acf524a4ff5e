"""The wire in plain HTTP, for tests that look at single answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import requests

from datalake_ops.testing import PlatformServer


class Api:
    """Calls a platform with its token; answers are `requests` responses, refused or not."""

    def __init__(self, server: PlatformServer, token: str | None = None) -> None:
        self.url = server.url
        self._session = requests.Session()
        # Neither a proxy nor a .netrc of the machine may stand between a test and its server.
        self._session.trust_env = False
        self._headers = {"Authorization": f"Bearer {token or server.token}"}
        self.organization = self.json("GET", "/api/home/ping")["default_organization"]
        self.lake = self.json("GET", f"/api/organization/{self.organization}/datalake")

    @property
    def connector(self) -> str:
        """Id of the lake's connector."""
        return str(self.lake["connector_id"])

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        """One API request."""
        return self._session.request(
            method, self.url + path, json=body, headers={**self._headers, **(headers or {})}, timeout=120
        )

    def raw(self, method: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> requests.Response:
        """One API request whose body is sent as it is."""
        sent = {**self._headers, "Content-Type": "application/json", **(headers or {})}
        return self._session.request(method, self.url + path, data=body, headers=sent, timeout=120)

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of one API request that must succeed."""
        answer = self.call(method, path, body)
        assert answer.ok, f"{answer.status_code} {answer.text}"
        return answer.json()

    def storage(self, method: str, url: str, **options: Any) -> requests.Response:
        """One request to a signed address."""
        return self._session.request(method, url, timeout=120, **options)

    def object_name(self, filename: str = "photo.jpg", **more: Any) -> str:
        """A new object name."""
        path = f"/api/organization/{self.organization}/connector/{self.connector}/generate_object_name"
        return str(self.json("POST", path, {"filename": filename, "type": "DATA", **more})["object_name"])

    def form(self, name: str, content_type: str = "image/jpeg") -> dict[str, Any]:
        """A signed form: its address and fields."""
        path = f"/api/object-storage/{self.connector}/generate_presigned_url"
        answer = self.json("POST", path, {"object_name": name, "content_type": content_type})
        return dict(answer["presigned_url_data"])

    def send_form(
        self, form: dict[str, Any], content: bytes, content_type: str = "image/jpeg", **changed: str
    ) -> requests.Response:
        """Upload by a form, as the official SDK does; `changed` overrides its fields."""
        fields = {**form["fields"], **changed, "Content-Type": content_type}
        return self.storage("POST", form["url"], data=fields, files={"file": (fields.get("key", "x"), content)})

    def upload(self, content: bytes, filename: str = "photo.jpg", content_type: str = "image/jpeg") -> str:
        """Upload a small file and return its object name."""
        name = self.object_name(filename)
        answer = self.send_form(self.form(name, content_type), content, content_type)
        assert answer.status_code == 204, answer.text
        return name

    def address(self, name: str) -> str:
        """A signed address that gives an object."""
        path = f"/api/object-storage/{self.connector}/retrieve_presigned_url"
        return str(self.json("POST", path, {"object_name": name})["presigned_url"])

    def stat(self, name: str) -> requests.Response:
        """What the storage says of an object."""
        return self.call("POST", f"/api/object-storage/{self.connector}/stat", {"object_name": name})

    def ended(self, job: dict[str, Any], seconds: float = 240.0) -> dict[str, Any]:
        """A job when it has ended."""
        path = f"/api/v2/job/{job['id']}"
        self.until(lambda: self.json("GET", path)["status"] not in ("PENDING", "QUEUED", "RUNNING"), seconds)
        return dict(self.json("GET", path))

    def log(self, job: dict[str, Any]) -> list[str]:
        """The whole log of a job."""
        return list(self.json("GET", f"/api/v2/job/{job['id']}/logs?limit=10000")["lines"])

    def all_data(self) -> list[dict[str, Any]]:
        """Every data of the lake, whatever its status."""
        found: list[dict[str, Any]] = []
        statuses = "&".join(f"upload_statuses={status}" for status in ("PENDING", "COMPUTING", "DONE", "ERROR"))
        path = f"/api/datalake/{self.lake['id']}/datas?limit=1000&types=IMAGE&types=VIDEO&{statuses}"
        page = self.json("GET", path)
        found += page["items"]
        while page.get("next_cursor"):
            page = self.json("GET", f"{path}&cursor={quote(page['next_cursor'], safe='')}")
            found += page["items"]
        return found

    def until(self, is_so: Callable[[], bool], seconds: float = 240.0) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, "it never became so"
            time.sleep(0.02)
