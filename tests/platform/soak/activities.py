"""Work on a platform that is killed meanwhile: each activity knows what was acknowledged and what may be either way."""

from __future__ import annotations

import random
import shlex
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from datalake_ops.platform.administration.home import open_database
from datalake_ops.platform.administration.tokens import TokenRequest, create_token, revoke_token
from datalake_ops.platform.objects.folder_store import object_path
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.jobs import IDEMPOTENCY_HEADER
from tests.platform.job_lab import Lab
from tests.platform.lakes import SMALL_JPEG, LakeApi
from tests.platform.storage import MultipartUpload

RUN_ONCE = "tests/run-once"


class Activity(ABC):
    """Steps in a lake of its own.

    `step` raises `requests.RequestException` when the server dies under it; `check` asserts what must hold once it
    serves again, and takes up what was under way.
    """

    # A kill comes after up to so many steps of a round.
    steps = 12

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        self.server = server
        self.chance = chance
        self.lake = LakeApi(server, lake_id=server.add_lake(f"lake-{uuid4()}"))

    @abstractmethod
    def step(self) -> None: ...

    @abstractmethod
    def check(self) -> None: ...

    def young(self) -> set[Path]:
        """Objects of uploads in progress, which must stay although no row names them yet."""
        return set()

    def path_of(self, name: str) -> Path:
        return object_path(self.server.home / "objects", self.lake.connector, name)

    def content(self) -> bytes:
        """A picture that no other one equals."""
        return SMALL_JPEG + self.chance.randbytes(64)

    def data(self, content: bytes | None = None) -> str:
        """Id of a new data."""
        return str(self.lake.a_data(content=content or self.content())["id"])

    def assert_kept(self, data: str, content: bytes) -> None:
        found = self.lake.json("GET", f"/api/data/{data}")
        assert found["upload_status"] == "DONE"
        assert self.lake.storage("GET", found["presigned_url"]).content == content

    def assert_gone(self, data: str) -> None:
        assert self.lake.call("GET", f"/api/data/{data}").status_code == 404


class Uploads(Activity):
    """Small files by form; every fourth is given up before its registration."""

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        super().__init__(server, chance)
        self.kept: dict[str, bytes] = {}
        self.stored: tuple[str, bytes] | None = None

    def step(self) -> None:
        content = self.content()
        name = self.lake.upload(content)
        if self.chance.random() < 0.25:
            return
        self.stored = name, content
        self.register(name, content)

    def register(self, name: str, content: bytes) -> None:
        answer = self.lake.register(name)
        assert answer.status_code == 201, answer.text
        self.kept[str(answer.json()["id"])] = content
        self.stored = None

    def check(self) -> None:
        if self.stored is not None:
            self.register(*self.stored)
        for data, content in self.kept.items():
            self.assert_kept(data, content)
        assert self.lake.page()["count"] == len(self.kept)

    def young(self) -> set[Path]:
        return {self.path_of(self.stored[0])} if self.stored else set()


class Multipart(Activity):
    """Files in two parts, whose upload goes on after a kill with the parts that were acknowledged."""

    steps = 6

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        super().__init__(server, chance)
        self.kept: dict[str, bytes] = {}
        self.upload: MultipartUpload | None = None
        self.contents: list[bytes] = []
        self.parts: list[dict[str, object]] = []
        self.completing = False

    def step(self) -> None:
        content = self.content()
        cut = self.chance.randrange(1, len(content))
        upload = MultipartUpload(self.lake)
        self.contents, self.parts, self.completing, self.upload = [content[:cut], content[cut:]], [], False, upload
        self.go_on(upload)

    def go_on(self, upload: MultipartUpload) -> None:
        while len(self.parts) < len(self.contents):
            number = len(self.parts) + 1
            self.parts.append(upload.put(number, self.contents[number - 1]))
        self.completing = True
        answer = upload.complete(self.parts)
        assert answer.ok, answer.text
        registered = self.lake.register(upload.name)
        assert registered.status_code == 201, registered.text
        self.kept[str(registered.json()["id"])] = b"".join(self.contents)
        self.upload = None

    def check(self) -> None:
        if self.upload is not None:
            if not self.completing:
                listed = self.upload.listed().json()["parts"]
                acknowledged = [(part["PartNumber"], part["ETag"]) for part in self.parts]
                assert set(acknowledged) <= {(part["PartNumber"], part["ETag"]) for part in listed}
            self.go_on(self.upload)
        for data, content in self.kept.items():
            self.assert_kept(data, content)
        assert self.lake.page()["count"] == len(self.kept)

    def young(self) -> set[Path]:
        return {self.path_of(self.upload.name)} if self.upload else set()


class Tags(Activity):
    """Tags made, put on data and taken off them; one request may be half way when the server dies."""

    steps = 24

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        super().__init__(server, chance)
        self.all = [self.data() for _ in range(5)]
        self.tagged: dict[str, frozenset[str]] = {}
        self.names: dict[str, str] = {}
        # A tag, and those that carry it once the request under way is done; None once it is deleted.
        self.pending: tuple[str, frozenset[str] | None] | None = None

    def step(self) -> None:
        if not self.tagged or self.chance.random() < 0.25:
            name = f"tag-{uuid4()}"
            tag = self.lake.a_tag(name)
            self.names[tag], self.tagged[tag] = name, frozenset()
            return
        tag = self.chance.choice(list(self.tagged))
        some = frozenset(self.chance.sample(self.all, 2))
        kind = self.chance.choice(["attach", "attach", "detach", "delete"])
        before = self.tagged[tag]
        self.pending = tag, {"attach": before | some, "detach": before - some, "delete": None}[kind]
        if kind == "delete":
            answer = self.lake.call("DELETE", f"/api/tag/{tag}")
        else:
            answer = self.lake.call("POST", f"/api/tag/{tag}/{kind}", sorted(some))
        assert answer.ok, answer.text
        self.settle()

    def settle(self) -> None:
        assert self.pending is not None
        tag, after = self.pending
        self.pending = None
        if after is None:
            del self.tagged[tag]
        else:
            self.tagged[tag] = after

    def check(self) -> None:
        if self.pending is not None and self.found(self.pending[0]) == self.pending[1]:
            self.settle()
        self.pending = None
        assert {tag: self.found(tag) for tag in self.tagged} == self.tagged

    def found(self, tag: str) -> frozenset[str] | None:
        if self.lake.call("GET", f"/api/tag/{tag}").status_code == 404:
            return None
        page = self.lake.page(q=f'tags.name = "{self.names[tag]}"')
        return frozenset(str(item["id"]) for item in page["items"])


class Metadata(Activity):
    """Custom metadata of many data changed at once, all or none."""

    steps = 24

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        super().__init__(server, chance)
        self.values = {self.data(): 0 for _ in range(8)}
        self.pending: dict[str, int] = {}
        self.lake.json("PATCH", f"{self.lake.path}/data/bulk", self.change(self.values))

    @staticmethod
    def change(values: dict[str, int]) -> dict[str, Any]:
        return {"objects": {data: {"custom_metadata": {"turn": turn}} for data, turn in values.items()}}

    def step(self) -> None:
        some = self.chance.sample(list(self.values), self.chance.randrange(1, len(self.values)))
        self.pending = {data: self.values[data] + 1 for data in some}
        answer = self.lake.call("PATCH", f"{self.lake.path}/data/bulk", self.change(self.pending))
        assert answer.ok, answer.text
        self.values |= self.pending
        self.pending = {}

    def check(self) -> None:
        found = {str(item["id"]): item["custom_metadata"]["turn"] for item in self.lake.page()["items"]}
        assert found in (self.values, self.values | self.pending)
        self.values, self.pending = found, {}


class Imports(Activity):
    """Imports of folders of a bucket, each of whose files becomes one data."""

    steps = 3
    files = 40

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        super().__init__(server, chance)
        self.jobs: list[dict[str, Any]] = []
        self.folders: list[str] = []

    def step(self) -> None:
        self.folders.append(str(uuid4()))
        folder = self.server.bucket / self.folders[-1]
        folder.mkdir(parents=True)
        for number in range(self.files):
            (folder / f"{number}.jpg").write_bytes(SMALL_JPEG)
        job = self.start(self.folders[-1])
        self.jobs.append(job)
        self.lake.ended(job)

    def start(self, folder: str) -> dict[str, Any]:
        body = {"datalake_id": self.lake.lake["id"], "prefixes": [f"{folder}/"], "tag_ids": []}
        return dict(self.lake.json("POST", f"{self.lake.path}/objects", body)["job"])

    def check(self) -> None:
        for job in self.jobs:
            assert self.lake.ended(job)["status"] == "SUCCEEDED"
        if self.folders:
            # Whether the last request was taken before the kill is not known; doing it again adds what is missing.
            assert self.lake.ended(self.start(self.folders[-1]))["status"] == "SUCCEEDED"
        wanted = [f"{folder}/{number}.jpg" for folder in self.folders for number in range(self.files)]
        self.lake.until(lambda: {data["upload_status"] for data in self.lake.all_data()} <= {"DONE"})
        assert sorted(data["object_name"] for data in self.lake.all_data()) == sorted(wanted)


class Deletes(Activity):
    """Data deleted one by one and many at once, some of which share an object with another lake."""

    steps = 8

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        super().__init__(server, chance)
        self.other = LakeApi(server, lake_id=server.add_lake(f"lake-{uuid4()}"))
        self.kept: dict[str, bytes] = {}
        self.deleted: set[str] = set()
        self.pending: list[str] = []

    def step(self) -> None:
        for _ in range(3):
            content = self.content()
            name = self.lake.upload(content)
            answers = [self.lake.register(name)]
            if self.chance.random() < 0.3:
                answers.append(self.other.register(name))
            for answer in answers:
                assert answer.status_code == 201, answer.text
                self.kept[str(answer.json()["id"])] = content
        self.pending = self.chance.sample(list(self.kept), 2)
        if self.chance.random() < 0.5:
            self.pending = self.pending[:1]
            answer = self.lake.call("DELETE", f"/api/data/{self.pending[0]}")
        else:
            # Those of the other lake are not deleted by this one's request.
            own = {str(item["id"]) for item in self.lake.page(limit=1000)["items"]}
            self.pending = [data for data in self.pending if data in own]
            answer = self.lake.call("DELETE", f"{self.lake.path}/datas", {"ids": self.pending})
        assert answer.ok, answer.text
        self.settle()

    def settle(self) -> None:
        for data in self.pending:
            del self.kept[data]
        self.deleted |= set(self.pending)
        self.pending = []

    def check(self) -> None:
        if self.pending:
            gone = {self.lake.call("GET", f"/api/data/{data}").status_code == 404 for data in self.pending}
            assert len(gone) == 1, "a request deleted a part of what it named"
            if gone == {True}:
                self.settle()
        self.pending = []
        for data, content in self.kept.items():
            self.assert_kept(data, content)
        for data in self.deleted:
            self.assert_gone(data)


class Launches(Activity):
    """Programs launched, each under a key of its own; each runs once, also where its server dies."""

    steps = 4

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        super().__init__(server, chance)
        self.lab = Lab(server)
        self.lab.processing = self.lab.a_processing(RUN_ONCE)
        self.jobs: dict[str, str] = {}
        self.key = ""

    def step(self) -> None:
        self.key = str(uuid4())
        job = self.launch(self.key)
        self.jobs[self.key] = str(job["id"])
        self.lab.api.ended(job)

    def launch(self, key: str) -> dict[str, Any]:
        return self.lab.launch({IDEMPOTENCY_HEADER: key}, parameters={"note": key})

    def check(self) -> None:
        if self.key and self.key not in self.jobs:
            # Whether the last request was taken before the kill is not known; there is one job under its key.
            self.jobs[self.key] = str(self.launch(self.key)["id"])
        for key, job in self.jobs.items():
            assert self.launch(key)["id"] == job
            ended = self.lab.api.ended({"id": job})
            assert ended["status"] == "SUCCEEDED", ended
            assert self.lab.api.log({"id": job}) == [f"job {job}"]
            payload = self.lab.api.storage("GET", ended["processing_job"]["payload_presigned_url"]).json()
            assert payload == {"data_ids": [self.lab.data]}
        runs = runs_of(self.server).read_text().split() if self.jobs else []
        assert {job: runs.count(job) for job in self.jobs.values()} == dict.fromkeys(self.jobs.values(), 1)


def runs_of(server: PlatformServer) -> Path:
    """File in which programs write that they ran."""
    return server.home.parent / "runs"


def soak_arguments(folder: Path) -> list[str]:
    """Options of a server whose home is in `folder`, and whose programs call nobody: their server may be dead."""
    path = folder / "program.py"
    path.write_text(
        "import os\n"
        f"with open({str(folder / 'runs')!r}, 'a') as runs:\n"
        "    runs.write(os.environ['job_id'] + '\\n')\n"
        "print('job', os.environ['job_id'])\n"
    )
    command = shlex.join([sys.executable, "-S", "-E", str(path)])
    return ["--program", f"{RUN_ONCE}={command}", "--cpus", "4", "--gpus", "0"]


class TokenChanges(Activity):
    """Tokens made and revoked beside the server, and organizations made by it."""

    steps = 12

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        super().__init__(server, chance)
        self.valid: dict[str, str] = {}
        self.revoked: set[str] = set()

    def step(self) -> None:
        chosen = self.chance.random()
        if chosen < 0.2:
            self.valid[self.server.add_organization(f"organization-{uuid4()}")["token"]] = ""
        elif chosen < 0.7 or not any(self.valid.values()):
            with open_database(self.server.home) as database:
                token_id, token = database.write_sync(lambda connection: create_token(connection, TokenRequest()))
            self.valid[token] = token_id
        else:
            token = self.chance.choice([token for token, token_id in self.valid.items() if token_id])
            with open_database(self.server.home) as database:
                database.write_sync(lambda connection: revoke_token(connection, self.valid[token]))
            del self.valid[token]
            self.revoked.add(token)
        assert requests.get(f"{self.server.url}/health", timeout=60).ok

    def check(self) -> None:
        assert {self.ping(token) for token in self.valid} <= {200}
        assert {self.ping(token) for token in self.revoked} <= {401}

    def ping(self, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{self.server.url}/api/home/ping", headers=headers, timeout=60).status_code


ACTIVITIES: tuple[type[Activity], ...] = (
    Uploads, Multipart, Deletes, Tags, Metadata, TokenChanges, Imports, Launches,
)  # fmt: skip
