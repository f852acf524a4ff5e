"""Processings and programs that are registered, changed and removed while the platform runs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.cli import main
from datalake_ops.testing.server import PlatformServer

AsJson = Callable[..., Any]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[PlatformServer]:
    with PlatformServer(home=home, arguments=["--program", "fixed=/bin/true"]) as server:
        yield server


@pytest.fixture
def data(server: PlatformServer, photos: Path, monkeypatch: pytest.MonkeyPatch, as_json: AsJson) -> str:
    connect(monkeypatch, server.url, server.token)
    return str(as_json("upload", str(photos / "photo 0.jpg"))["data_ids"][0])


def connect(monkeypatch: pytest.MonkeyPatch, url: str, token: str) -> None:
    monkeypatch.setenv("DATALAKE_HOST", url)
    monkeypatch.setenv("DATALAKE_API_TOKEN", token)


def saying(text: str) -> str:
    return shlex.join([sys.executable, "-c", f"print({text!r})"])


def log_of(as_json: AsJson, processing: str, data: str) -> list[str]:
    job = as_json("launch", processing, "--id", data, "--wait")
    return list(as_json("log", job["id"])["lines"])


def test_a_processing_is_added_changed_and_removed_without_a_restart(data: str, as_json: AsJson) -> None:
    options = ("--input", "count=NUMBER", "--input", "label=text!", "--param", "side=3", "--description", "Says a word")
    added = as_json("processing", "add", "says", "--image", "host:5000/says:2", "--program", saying("first"), *options)

    assert (added["docker_image"], added["docker_tag"]) == ("host:5000/says", "2")
    assert added["default_parameters"] == {"side": 3}
    job = as_json("launch", "says", "--id", data, "--input", "label=x", "--wait")
    assert as_json("log", job["id"])["lines"] == ["first"]

    changed = as_json("processing", "update", "says", "--description", "Says another", "--program", saying("second"))
    assert changed["description"] == "Says another"
    job = as_json("launch", "says", "--id", data, "--input", "label=x", "--wait")
    assert as_json("log", job["id"])["lines"] == ["second"]
    assert "says" in {one["name"] for one in as_json("processing", "list")}

    as_json("processing", "remove", "says")
    assert "says" not in {one["name"] for one in as_json("processing", "list")}
    assert main(["launch", "says", "--id", data]) == 1


def test_a_processing_without_a_program_is_listed_and_its_launch_is_refused_with_words(
    data: str, as_json: AsJson, capsys: pytest.CaptureFixture[str]
) -> None:
    as_json("processing", "add", "bare", "--image", "bare")

    assert "bare" in {one["name"] for one in as_json("processing", "list")}
    assert main(["launch", "bare", "--id", data]) == 1
    assert "processing program bare:latest COMMAND" in capsys.readouterr().err

    as_json("processing", "program", "bare", saying("untagged"))
    assert log_of(as_json, "bare", data) == ["untagged"]
    as_json("processing", "program", "bare:latest", saying("tagged"))
    assert log_of(as_json, "bare", data) == ["tagged"]
    assert as_json("processing", "program", "bare:latest", "--remove") == []
    assert log_of(as_json, "bare", data) == ["untagged"]


def test_no_token_of_an_organization_chooses_a_program(
    server: PlatformServer, data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = server.add_organization("research")
    connect(monkeypatch, server.url, other["token"])

    for words in (
        ["processing", "program"],
        ["processing", "program", "datalake-ops/thumbnails", "/bin/false"],
        ["processing", "program", "datalake-ops/thumbnails", "--remove"],
        ["processing", "add", "evil", "--image", "evil", "--program", "/bin/false"],
        ["processing", "update", "thumbnails", "--program", "/bin/false"],
    ):
        assert main(words) == 1
        assert "admin's token" in capsys.readouterr().err
    assert main(["processing", "list"]) == 0
    assert "evil" not in capsys.readouterr().out
    assert main(["processing", "add", "own", "--image", "own"]) == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["program", "fixed", "/bin/false"], 1, "--program"),
        (["program", "fixed", "--remove"], 1, "--program"),
        (["program", "x", "'"], 1, "command line"),
        (["program", "x", " "], 1, "empty"),
        (["program", "a b", "/bin/true"], 1, "no name of an image"),
        (["program", "never-set", "--remove"], 1, "was not found"),
        (["program", "--remove"], 2, "one IMAGE"),
        (["add", "thumbnails", "--image", "x"], 1, "exists already"),
        (["add", "new", "--image", "x:"], 2, "IMAGE:TAG"),
        (["add", "new", "--image", "x", "--input", "a=COLOUR"], 2, "write one of"),
        (["update", "thumbnails"], 2, "Say what to change"),
        (["remove", "nowhere"], 1, "was not found"),
    ],
)
@pytest.mark.usefixtures("data")
def test_says_what_is_wrong(words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["processing", *words]) == code

    assert said in capsys.readouterr().err


def test_the_homes_owner_sets_a_program_beside_the_server(home: Path, data: str, as_json: AsJson) -> None:
    as_json("processing", "add", "owned", "--image", "owned")

    as_json("admin", "program", "set", "owned", saying("by the owner"), "--home", str(home))

    assert log_of(as_json, "owned", data) == ["by the owner"]
    assert "owned" in {row["image"] for row in as_json("admin", "program", "list", "--home", str(home))}
    as_json("admin", "program", "remove", "owned", "--home", str(home))
    assert main(["launch", "owned", "--id", data]) == 1
    assert main(["admin", "program", "remove", "owned", "--home", str(home)]) == 1


def test_programs_survive_a_restart(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, as_json: AsJson
) -> None:
    with PlatformServer(home=tmp_path / "home") as first:
        connect(monkeypatch, first.url, first.token)
        as_json("processing", "add", "kept", "--image", "kept", "--program", saying("kept"))
    with PlatformServer(home=tmp_path / "home", token=first.token) as second:
        connect(monkeypatch, second.url, second.token)
        data = as_json("upload", str(photos / "photo 0.jpg"))["data_ids"][0]

        assert log_of(as_json, "kept", data) == ["kept"]
