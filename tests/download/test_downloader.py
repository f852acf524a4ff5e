from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from datalake_ops.config import Connection
from datalake_ops.download.downloader import DownloadRequest, download_data
from datalake_ops.download.partial_file import PartialFile
from datalake_ops.errors import DownloadError
from datalake_ops.hook import DatalakeHook
from datalake_ops.lake import CONTENT_KEY
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.data import Data
from datalake_ops.wire.lakes import Datalake, Organization
from tests.upload.conftest import IMPATIENT
from tests.upload.pictures import a_picture
from tests.upload.witness import CONNECTOR, LAKE, ORGANIZATION, Answer, Request, Witness

OBJECT = "^/storage/object"


@pytest.fixture
def sent(lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path) -> list[Path]:
    paths = [a_picture(tmp_path / "in" / f"{number:03}.png", (10 + number, 20)) for number in range(12)]
    lake.upload(paths)
    datalake_platform.clear_requests()
    return paths


def contents(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def test_data_come_back_in_order_as_they_were_sent(lake: DatalakeHook, sent: list[Path], tmp_path: Path) -> None:
    data = sorted(lake.iter_data(), key=lambda one: one.filename, reverse=True)

    paths = lake.download(data, tmp_path / "out" / "deep", max_workers=3)

    assert [path.name for path in paths] == [path.name for path in reversed(sent)]
    assert contents(paths) == contents(sent[::-1])
    assert sorted(path.name for path in (tmp_path / "out" / "deep").iterdir()) == [path.name for path in sent]


def test_files_may_be_named_by_id(lake: DatalakeHook, sent: list[Path], tmp_path: Path) -> None:
    data = lake.list_data(limit=2)

    paths = lake.download(data, tmp_path / "out", use_id=True)

    assert [path.name for path in paths] == [f"{one.id}.png" for one in data]


def test_another_file_of_a_name_stays_unless_it_is_to_be_replaced(
    lake: DatalakeHook, sent: list[Path], tmp_path: Path
) -> None:
    data = lake.find_data(filename=sent[0].name)
    mine = tmp_path / "out" / sent[0].name
    mine.parent.mkdir()
    mine.write_bytes(b"mine")

    paths = lake.download(data, tmp_path / "out")

    assert mine.read_bytes() == b"mine"
    assert [path.name for path in paths] == [f"{mine.stem}-{data.id}.png"]
    assert contents(paths) == contents(sent[:1])
    assert lake.download(data, tmp_path / "out", force_replace=True) == [mine]
    assert contents([mine]) == contents(sent[:1])


@pytest.fixture
def namesakes(lake: DatalakeHook, tmp_path: Path) -> list[Data]:
    """Two data of one file name and one size, whose contents differ."""
    content = a_picture(tmp_path / "in" / "x.png").read_bytes()
    data = []
    for number in range(2):
        path = tmp_path / f"in{number}" / "same.png"
        path.parent.mkdir()
        path.write_bytes(content + bytes([number]))
        [one] = lake.upload(path).data
        data.append(lake.get_data(one.id))
    return data


@pytest.mark.parametrize("known", ["nothing", "size", "hash"])
def test_two_data_of_one_name_never_share_a_file(
    lake: DatalakeHook, namesakes: list[Data], tmp_path: Path, known: str
) -> None:
    sent = contents([tmp_path / f"in{number}" / "same.png" for number in range(2)])
    if known == "nothing":
        namesakes = [one.model_copy(update={"file_size": None}) for one in namesakes]
    elif known == "hash":
        namesakes = [
            one.model_copy(update={"custom_metadata": {CONTENT_KEY: sha256(content).hexdigest()}})
            for one, content in zip(namesakes, sent, strict=True)
        ]

    for _ in range(2):
        paths = [lake.download([one], tmp_path / "out")[0] for one in namesakes]

        assert contents(paths) == sent
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"same-{namesakes[1].id}.png", "same.png"]
    assert contents(lake.download(namesakes, tmp_path / "out")) == sent


@pytest.mark.parametrize(("known", "by_id", "fetches"), [("hash", False, 0), ("size", False, 12), ("size", True, 0)])
def test_what_is_there_is_fetched_again_only_where_nothing_else_can_tell_it(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, known: str, by_id: bool, fetches: int
) -> None:
    sent = [a_picture(tmp_path / "in" / f"{number:02}.png", (10 + number, 20)) for number in range(12)]
    lake.upload(sent, if_exists="skip" if known == "hash" else "upload")
    first = lake.download(lake.list_data(), tmp_path / "out", by_id)
    datalake_platform.clear_requests()

    again = lake.download(lake.list_data(), tmp_path / "out", by_id)

    assert again == first
    assert sum(one["path"].startswith("/storage/object") for one in datalake_platform.requests()) == fetches
    assert len(list((tmp_path / "out").iterdir())) == 12


def test_a_name_that_no_file_can_have_is_passed_over(lake: DatalakeHook, sent: list[Path], tmp_path: Path) -> None:
    data = lake.find_data(filename=sent[0].name)
    (tmp_path / "out" / sent[0].name).mkdir(parents=True)

    assert contents(lake.download(data, tmp_path / "out")) == contents(sent[:1])


def test_a_file_system_without_links_gets_the_same_files(
    lake: DatalakeHook, namesakes: list[Data], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr("os.link", refuse)

    paths = [lake.download([one], tmp_path / "out")[0] for one in [*namesakes, *namesakes]]

    assert paths[:2] == paths[2:]
    assert contents(paths[:2]) == contents([tmp_path / f"in{number}" / "same.png" for number in range(2)])
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize(
    "fault", [{"status": 503, "retry_after": 0}, {"status": 429}, {"status": 500}, {"drop_before": True}]
)
def test_a_storage_that_stumbles_is_asked_again(
    lake: DatalakeHook, datalake_platform: PlatformServer, sent: list[Path], tmp_path: Path, fault: dict[str, Any]
) -> None:
    scripted = datalake_platform.script_fault("GET", OBJECT, count=3, **fault)

    paths = lake.download(sorted(lake.iter_data(), key=lambda one: one.filename), tmp_path / "out")

    assert datalake_platform.faults_met(scripted) == 3
    assert contents(paths) == contents(sent)


def test_an_expired_address_is_asked_for_again_once(
    lake: DatalakeHook, datalake_platform: PlatformServer, sent: list[Path], tmp_path: Path
) -> None:
    data = lake.find_data(filename=sent[0].name)
    datalake_platform.clear_requests()
    datalake_platform.script_fault("GET", OBJECT, status=403)

    [path] = lake.download(data, tmp_path / "out")

    assert path.read_bytes() == sent[0].read_bytes()
    asked = [one["path"] for one in datalake_platform.requests() if one["path"].startswith("/api/")]
    assert asked == [f"/api/data/{data.id}/presigned-url"]


def test_a_data_without_an_address_asks_for_one(lake: DatalakeHook, sent: list[Path], tmp_path: Path) -> None:
    data = lake.find_data(filename=sent[0].name).model_copy(update={"presigned_url": None})

    assert contents(lake.download(data, tmp_path / "out")) == contents(sent[:1])


def test_what_failed_is_named_when_all_the_rest_is_there(
    lake: DatalakeHook, datalake_platform: PlatformServer, sent: list[Path], tmp_path: Path
) -> None:
    data = sorted(lake.iter_data(), key=lambda one: one.filename)
    lost = data[3].model_copy(update={"id": UUID(int=0), "presigned_url": None})

    with pytest.raises(DownloadError, match=r"1 of 12 data were not downloaded: 003\.png: ") as caught:
        lake.download([*data[:3], lost, *data[4:]], tmp_path / "out")

    assert "404" in str(caught.value)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [path.name for path in sent if path != sent[3]]


def test_it_works_inside_a_running_event_loop(lake: DatalakeHook, sent: list[Path], tmp_path: Path) -> None:
    async def main() -> int:
        return len(lake.download(lake.list_data(), tmp_path / "out"))

    assert asyncio.run(main()) == 12


class Somewhere:
    """A lake that nobody asks anything: downloads need only its organization."""

    organization = Organization(id=UUID(ORGANIZATION), name="o")
    datalake = Datalake(id=UUID(LAKE), name="l")
    connector_id = UUID(CONNECTOR)


def fetched(witness: Witness, directory: Path, names: list[str], workers: int | None = None, **more: Any) -> list[Path]:
    data = [
        Data.model_validate(
            {
                "id": str(UUID(int=number)),
                "object_name": "o",
                "filename": name,
                "type": "IMAGE",
                "content_type": "image/png",
                "upload_status": "DONE",
                "presigned_url": f"{witness.url}/file/{number}?signature=secret",
                **more,
            }
        )
        for number, name in enumerate(names)
    ]
    connection = Connection(host=witness.url, api_token="t", retry=IMPATIENT)
    return download_data(DownloadRequest(data, directory, max_workers=workers), connection, Somewhere())


@pytest.fixture
def witness() -> Any:
    with Witness() as server:
        yield server


def test_a_storage_that_asks_for_a_pause_gets_it_from_all_downloads(witness: Witness, tmp_path: Path) -> None:
    times: list[float] = []
    answers = [Answer(503, b"", {"Retry-After": "4"})]

    def pause(request: Request) -> Answer | None:
        if not request.path.startswith("/file"):
            return None
        times.append(time.monotonic())
        return answers.pop() if answers else Answer(200, b"whole")

    witness.script = pause

    fetched(witness, tmp_path, [f"{number}.png" for number in range(20)])

    # Those that were under way already came at once with the first.
    late = [at for at in times if at - times[0] > 2]
    assert len(late) >= 12
    assert late[0] - times[0] >= 4


def test_a_storage_that_is_gone_is_not_asked_for_every_data(witness: Witness, tmp_path: Path) -> None:
    asked: list[Request] = []

    def cut(request: Request) -> Answer:
        asked.append(request)
        return Answer(cut=True)

    witness.script = cut

    with pytest.raises(DownloadError, match="200 of 200"):
        fetched(witness, tmp_path, [f"{number}.png" for number in range(200)], workers=4)

    # Each with its own tries would be 800.
    assert len(asked) < 200


def test_a_body_shorter_than_announced_is_never_taken_for_a_file(witness: Witness, tmp_path: Path) -> None:
    answers = [Answer(200, b"half", {"Content-Length": "8", "Connection": "close"})] * 2 + [Answer(200, b"complete")]
    witness.script = lambda request: answers.pop(0) if request.path.startswith("/file") else None

    [path] = fetched(witness, tmp_path, ["a.png"])

    assert path.read_bytes() == b"complete"
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]


def test_a_body_that_always_ends_early_is_no_file_and_its_bytes_serve_the_next_run(
    witness: Witness, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 16384
    witness.script = lambda _: Answer(200, content[: 1 << 21], {"Content-Length": "4194304", "Connection": "close"})

    with pytest.raises(DownloadError) as caught:
        fetched(witness, tmp_path, ["a.png"])

    assert "secret" not in str(caught.value)
    assert not (tmp_path / "a.png").exists()
    [left] = tmp_path.iterdir()
    kept = left.stat().st_size
    assert 0 < kept <= 1 << 21

    witness.script = in_ranges(content)
    [path] = fetched(witness, tmp_path, ["a.png"])

    assert path.read_bytes() == content
    assert witness.requests[-1].headers["Range"] == f"bytes={kept}-"
    assert list(tmp_path.iterdir()) == [path]


def in_ranges(content: bytes) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        asked = request.headers.get("Range")
        if asked is None:
            return Answer(200, content)
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            return Answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        return Answer(206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"})

    return answer


@pytest.mark.parametrize("kept", [b"0123", b"01234567", b"too long for that file"])
def test_whatever_an_earlier_run_left_the_file_comes_whole(witness: Witness, tmp_path: Path, kept: bytes) -> None:
    (tmp_path / f".a.png.{UUID(int=0).hex[:12]}.part").write_bytes(kept)
    witness.script = in_ranges(b"01234567")

    [path] = fetched(witness, tmp_path, ["a.png"])

    assert path.read_bytes() == b"01234567"
    assert list(tmp_path.iterdir()) == [path]


def test_a_content_that_is_not_what_was_uploaded_is_refused(witness: Witness, tmp_path: Path) -> None:
    witness.script = lambda _: Answer(200, b"another")

    with pytest.raises(DownloadError, match="SHA-256"):
        fetched(witness, tmp_path, ["a.png"], custom_metadata={CONTENT_KEY: sha256(b"content").hexdigest()})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "refused"),
    [({}, True), ({"content_key": "sum"}, False), ({"content_key": None}, False), ({"content_key": "other"}, True)],
)
def test_the_content_is_compared_under_the_key_of_the_upload(
    lake: DatalakeHook, tmp_path: Path, options: dict[str, Any], refused: bool
) -> None:
    wrong = sha256(b"another").hexdigest()
    said = {CONTENT_KEY: wrong, "other": wrong, "sum": "kept by somebody else"}
    path = a_picture(tmp_path / "in" / "a.png")
    [data] = lake.upload(path, custom_metadata=said).data

    if refused:
        with pytest.raises(DownloadError, match="SHA-256"):
            lake.download(data, tmp_path / "out", **options)
    else:
        assert contents(lake.download(data, tmp_path / "out", **options)) == contents([path])


def test_who_fetches_the_same_file_at_the_same_time_never_spoils_it(tmp_path: Path) -> None:
    target, spoilt = tmp_path / "a.png", []

    def fetch() -> None:
        until = time.monotonic() + 0.7
        while time.monotonic() < until:
            with PartialFile(target, UUID(int=1)) as partial:
                partial.restart()
                partial.write(b"whole")
                partial.check(5, None)
                partial.place([target])
            if target.read_bytes() != b"whole":
                spoilt.append(target)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(fetch) for _ in range(4)]:
            done.result()

    assert spoilt == []
    assert list(tmp_path.iterdir()) == [target]


def test_names_of_the_platform_never_lead_out_of_the_directory(witness: Witness, tmp_path: Path) -> None:
    witness.script = lambda request: Answer(200, request.path.encode())

    paths = fetched(
        witness, tmp_path / "in", ["../up.png", "/etc/x.png", "..", "a\\b.png", "é" * 200 + ".png", "a.png", "a.png"]
    )

    assert all(path.parent == tmp_path / "in" for path in paths)
    assert [path.read_bytes() for path in paths] == [f"/file/{number}".encode() for number in range(7)]
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


def test_presigned_addresses_get_no_token(witness: Witness, tmp_path: Path) -> None:
    witness.script = lambda _: Answer(200, b"x")

    fetched(witness, tmp_path, ["a.png"])

    [request] = witness.requests
    assert "Authorization" not in request.headers
    assert request.query == [("signature", "secret")]
    assert request.headers["Accept-Encoding"] == "identity"


def test_a_directory_that_cannot_be_made_is_told(witness: Witness, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DownloadError, match="cannot be created"):
        fetched(witness, tmp_path / "file", ["a.png"])
