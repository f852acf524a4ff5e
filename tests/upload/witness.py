"""A small real server that speaks any storage's protocol and writes down every request.

The embedded platform speaks S3's form; Google's and Azure's are witnessed here, and both clients can be compared on
what they send.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import NAMESPACE_URL, uuid5

ORGANIZATION = "11111111-1111-4111-8111-111111111111"
CONNECTOR = "22222222-2222-4222-8222-222222222222"
LAKE = "33333333-3333-4333-8333-333333333333"


def an_id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    target: str = ""  # path and query, byte for byte

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


Script = Callable[[Request], Answer | None]


class Witness:
    """The server; `script` may answer a request before the usual answer is made.

    Names and identifiers follow from what was sent, so that two runs of one scenario get the same answers.
    """

    def __init__(self, client_type: str = "aws", multipart: Mapping[str, Any] | None = None) -> None:
        self.client_type = client_type
        self.multipart = multipart
        self.fields: dict[str, Any] = {"key": "k", "policy": "p"}
        self.requests: list[Request] = []
        self.script: Script = lambda request: None
        self._lock = threading.Lock()
        witness = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def parse_request(self) -> bool:
                ok = super().parse_request()
                for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "XGET"):
                    setattr(self, f"do_{verb}", self._answer)
                return ok

            def _answer(self) -> None:
                witness._serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            # Where many come at once, none is to come a second later.
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def seen(self, method: str, pattern: str) -> list[Request]:
        """The requests whose method and path match."""
        with self._lock:
            return [one for one in self.requests if one.method == method and re.search(pattern, one.path)]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        request = Request(
            handler.command,
            parts.path,
            parse_qsl(parts.query),
            dict(handler.headers.items()),
            handler.rfile.read(length),
            handler.path,
        )
        with self._lock:
            self.requests.append(request)
        if len(request.body) < length:
            handler.close_connection = True
            return
        answer = self.script(request) or self.usual(request)
        if answer.cut:
            handler.close_connection = True
            return
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if "Content-Length" not in answer.headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def usual(self, request: Request) -> Answer:
        """The answer of a platform to whom nothing happens."""
        for method, pattern, make in self._routes():
            if request.method == method and re.fullmatch(pattern, request.path):
                return make(request)
        return Answer(404, {"message": f"no route {request.method} {request.path}"})

    def _routes(self) -> list[tuple[str, str, Callable[[Request], Answer]]]:
        lake = {"id": LAKE, "name": "default", "connector_id": CONNECTOR}
        return [
            (
                "GET",
                "/api/home/ping",
                lambda _: Answer(body={"username": "w", "sdk_version": "6.37.0", "default_organization": ORGANIZATION}),
            ),
            (
                "GET",
                f"/api/organization/{ORGANIZATION}",
                lambda _: Answer(body={"id": ORGANIZATION, "name": "o", "default_connector_id": CONNECTOR}),
            ),
            ("GET", ".*/datalake", lambda _: Answer(body=lake)),
            ("GET", ".*/find", lambda _: Answer(404, {"message": "none"})),
            ("POST", f"/api/datalake/{LAKE}/tags", self._created),
            ("POST", ".*/datasources", self._created),
            (
                "POST",
                ".*/generate_object_name",
                lambda r: Answer(body={"object_name": f"object-of-{r.json['filename']}"}),
            ),
            ("POST", ".*/generate_presigned_url", lambda _: Answer(body=self._address())),
            ("POST", ".*/init_multipart_upload", lambda _: Answer(body=self.multipart or {})),
            (
                "POST",
                ".*/generate_part_presigned_url",
                lambda r: Answer(body={"url": f"{self.url}/part/{r.json['part_no']}"}),
            ),
            ("POST", ".*/complete_part_upload", lambda _: Answer(body={})),
            ("POST", f"/api/datalake/{LAKE}/datas", lambda r: Answer(201, self._data(r.json))),
            ("POST", "/storage", lambda _: Answer(204, b"")),
            ("PUT", "/storage", lambda _: Answer(201, b"")),
            ("PUT", "/part/.*", lambda r: Answer(200, b"", {"ETag": f'"etag-{r.path.rsplit("/", 1)[1]}"'})),
        ]

    def _address(self) -> dict[str, Any]:
        url = f"{self.url}/storage?signature=a%2Fb%20c~%7E"
        return {"client_type": self.client_type, "presigned_url_data": {"url": url, "fields": self.fields}}

    def _created(self, request: Request) -> Answer:
        return Answer(201, {"id": an_id(request.json["name"]), "name": request.json["name"], "target_type": "DATA"})

    def _data(self, body: Mapping[str, Any]) -> dict[str, Any]:
        shown = {key: value for key, value in body.items() if key not in ("tags", "data_source_id")}
        meta = body.get("meta", {"width": 1, "height": 1})
        return {**shown, "id": an_id(body["object_name"]), "upload_status": "DONE", "meta": meta}
