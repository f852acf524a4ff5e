"""What the rows of a manifest may reach: its base and what `allow` names, and what its own author names besides."""

from __future__ import annotations

import json
import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from datalake_ops import Manifest, plan_shards
from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources import internal_hosts
from datalake_ops.upload.sources.manifest import rows
from tests.upload.pictures import a_picture
from tests.upload.witness import Answer, Request, Witness

# Addresses of a network that nobody has, in which nothing answers.
ELSEWHERE = "http://192.0.2.1"


def error_of(manifest: Manifest, path: str) -> str | None:
    """The error of a row with this path; None for one that may be opened."""
    try:
        manifest.placed(path)
    except ValueError as error:
        return str(error)
    return None


BASES = {
    "folder": Manifest("/lake/photos/files.jsonl", foreign=True),
    "folder of its own": Manifest("/elsewhere/files.jsonl", base="/lake/photos", foreign=True),
    "file address": Manifest("file:///lake/photos/files.jsonl", foreign=True),
    "bucket": Manifest("s3://lake/photos/files.jsonl"),
    "cached bucket": Manifest("simplecache::s3://lake/photos/files.jsonl"),
    "web": Manifest("https://lake.example/photos/files.jsonl"),
    "signed web": Manifest("https://lake.example/photos/files.jsonl?signature=a/b"),
    "root of the web": Manifest("https://lake.example/files.jsonl", base="https://lake.example/photos/"),
    "archive": Manifest("zip://photos/files.jsonl::s3://lake/all.zip"),
}
OUTSIDE = [
    "../a.png",
    "deep/../../a.png",
    "deep/../../photos2/a.png",
    "/etc/a.png",
    "/lake/photos/../a.png",
    "/lake/photos2/a.png",
    "file:///etc/a.png",
    "local:///etc/a.png",
    "s3://lake/photos2/a.png",
    "s3://lake/photos/../a.png",
    "s3://other/photos/a.png",
    "gs://lake/photos/a.png",
    "https://other.example/photos/a.png",
    "https://lake.example/a.png",
    "https://lake.example/photos/%2e%2e/a.png",
    "https://lake.example/photos/..\\a.png",
    "https://lake.example:8443/photos/a.png",
    "https://lake.example@other.example/photos/a.png",
    "http://127.0.0.1/photos/a.png",
    "simplecache::file:///etc/a.png",
    "zip://a.png::file:///etc/all.zip",
    "zip://photos/a.png::s3://lake/other.zip",
    "a.png::file:///etc/a.png",
]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("base", BASES)
def test_a_manifest_of_somebody_else_reaches_its_base_alone(base: str, path: str) -> None:
    assert "allow=" in str(error_of(BASES[base], path))


def test_a_name_that_would_begin_a_chain_behind_an_address_is_refused() -> None:
    name = "a b::file:///etc/a.png"

    assert error_of(BASES["bucket"], name) is not None
    # In a folder it is the name of a file.
    assert error_of(BASES["folder"], name) is None


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("folder", "a.png"),
        ("folder", "deep/../a.png"),
        ("folder", "/lake/photos/deep/a.png"),
        ("folder", "file:///lake/photos/a.png"),
        ("folder of its own", "a.png"),
        ("bucket", "a.png"),
        ("bucket", "a::b.png"),
        ("bucket", "s3://lake/photos/a.png"),
        ("cached bucket", "deep/a.png"),
        ("web", "a.png?size=../large"),
        ("web", "https://LAKE.example:443/photos/a.png"),
        ("signed web", "a.png"),
        ("root of the web", "a.png"),
        ("archive", "deep/a.png"),
    ],
)
def test_what_is_below_its_base_is_reached(base: str, path: str) -> None:
    assert error_of(BASES[base], path) is None


@pytest.mark.parametrize(
    ("base", "path", "placed"),
    [
        ("signed web", "a.png", "https://lake.example/photos/a.png"),
        ("cached bucket", "a.png", "simplecache::s3://lake/photos/a.png"),
        ("archive", "a.png", "zip://photos/a.png::s3://lake/all.zip"),
        ("root of the web", "a.png", "https://lake.example/photos/a.png"),
    ],
)
def test_a_relative_path_is_joined_to_the_link_that_names_the_base(base: str, path: str, placed: str) -> None:
    assert BASES[base].placed(path) == placed


def test_a_path_after_a_manifest_in_the_root_of_a_server_names_no_server() -> None:
    assert Manifest("http://files.jsonl").placed("lake.example") == "http://files.jsonl/lake.example"
    assert Manifest("/files.jsonl").placed("a.png") == "/a.png"
    assert Manifest("files.jsonl", base="/").placed("a.png") == "/a.png"


@pytest.mark.parametrize(
    "path", ["/etc/a.png", "file:///etc/a.png", "s3://other/a.png", f"{ELSEWHERE}/a.png", "deep/../a.png"]
)
def test_a_local_manifest_of_the_author_names_schemes_and_absolute_paths(path: str) -> None:
    assert error_of(Manifest("/lake/photos/files.jsonl"), path) is None
    assert error_of(Manifest("files.jsonl"), path) is None


INTERNAL = [
    "http://127.0.0.1/a.png",
    "https://127.8.9.1:8443/a.png",
    "http://user@127.0.0.1/a.png",
    "http://localhost/a.png",
    "http://LOCALHOST./a.png",
    "http://[::1]/a.png",
    "http://[::ffff:127.0.0.1]/a.png",
    "http://0.0.0.0/a.png",
    "http://127.1/a.png",
    "http://2130706433/a.png",
    "http://169.254.1.1/a.png",
    "http://[fe80::1%25eth0]/a.png",
    "ftp://127.0.0.1/a.png",
    "sftp://localhost/a.png",
    "simplecache::http://127.0.0.1/a.png",
    "zip://a.png::http://127.0.0.1/all.zip",
]


@pytest.mark.parametrize("path", ["../a.png", "deep/../../a.png", *INTERNAL])
def test_no_manifest_reaches_above_its_base_nor_a_loopback_address(path: str) -> None:
    assert "allow=" in str(error_of(Manifest("/lake/photos/files.jsonl"), path))
    assert "allow=" in str(error_of(Manifest("files.jsonl"), path))
    assert error_of(Manifest("/lake/photos/files.jsonl", allow=["http://"]), path) is not None


def test_a_server_is_known_by_what_its_name_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    internal_hosts.resolves_to_internal.cache_clear()
    looked_up: list[str] = []

    def look_up(host: str, port: Any) -> list[Any]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    assert "loopback" in str(error_of(Manifest("files.jsonl"), "sftp://inside.example/a.png"))
    assert looked_up == ["inside.example"]


@pytest.mark.parametrize(
    ("allow", "path"),
    [
        (["/etc"], "/etc/a.png"),
        (["/"], "/etc/a.png"),
        ("/lake", "../a.png"),
        (["s3://other/photos"], "s3://other/photos/a.png"),
        (["s3://"], "s3://other/photos/a.png"),
        (["gs://x", "http://127.0.0.1:9000"], "http://127.0.0.1:9000/a.png"),
        (["http://other.example/"], "https://other.example/a.png"),
        (["http://localhost/photos"], "http://localhost:80/photos/a.png"),
        ([Path("/etc")], "file:///etc/a.png"),
    ],
)
def test_allow_widens_what_is_reached(allow: Any, path: str) -> None:
    assert error_of(Manifest("/lake/photos/files.jsonl", allow=allow, foreign=True), path) is None
    assert error_of(Manifest("/lake/photos/files.jsonl", foreign=True), path) is not None


@pytest.mark.parametrize("path", ["/etc2/a.png", "s3://other/photos2/a.png", "http://127.0.0.1:9001/a.png"])
def test_allow_widens_by_no_more_than_it_names(path: str) -> None:
    allow = ["/etc", "s3://other/photos", "http://127.0.0.1:9000"]

    assert error_of(Manifest("/lake/photos/files.jsonl", allow=allow, foreign=True), path) is not None


@pytest.mark.parametrize("protocol", ["webhdfs", "webdav", "dav", "jlab", "root", "reference"])
def test_protocols_that_redirect_by_themselves_are_reached_where_allow_names_them(protocol: str) -> None:
    base = f"{protocol}://192.0.2.1/photos"
    manifest = Manifest(f"{base}/files.jsonl")

    for path in ("a.png", f"{base}/a.png", f"simplecache::{base}/a.png"):
        found = str(error_of(Manifest("files.jsonl", base=base, foreign=True), path))
        assert "allow=" in found
    assert f"on {protocol}://, whose redirects are not checked" in str(error_of(manifest, "a.png"))
    assert error_of(Manifest(manifest.path, allow=[base]), "a.png") is None
    assert error_of(Manifest(manifest.path, allow=[f"{protocol}://"]), "a.png") is None
    assert error_of(Manifest(manifest.path, allow=[f"{protocol}://192.0.2.2/"]), "a.png") is not None
    # The author of a manifest of this machine names what he means.
    assert error_of(Manifest("files.jsonl"), f"{base}/a.png") is None


def test_allow_takes_folders_and_addresses_alone() -> None:
    with pytest.raises(ConfigurationError, match="allow"):
        Manifest("files.jsonl", allow=[True])  # type: ignore[list-item]


def test_a_link_out_of_the_base_is_no_way_out(tmp_path: Path) -> None:
    (base := tmp_path / "base").mkdir()
    (base / "out").symlink_to(tmp_path)
    (tmp_path / "all").symlink_to(base)

    assert error_of(Manifest(f"{base}/files.jsonl", foreign=True), "out/a.png") is not None
    assert error_of(Manifest(f"{base}/files.jsonl"), "out/a.png") is None
    assert error_of(Manifest(f"{tmp_path}/all/files.jsonl", foreign=True), "a.png") is None


def test_a_relative_base_is_below_the_working_directory_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest("files.jsonl", foreign=True)

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert error_of(manifest, "a.png") is None
        assert error_of(manifest, f"{tmp_path}/{name}/a.png") is None

    assert error_of(manifest, f"{tmp_path}/one/a.png") is not None


def a_manifest(path: Path, *paths: str) -> str:
    path.write_text("".join(json.dumps({"path": one}) + "\n" for one in paths))
    return str(path)


def test_a_row_out_of_reach_fails_alone_and_names_its_line(tmp_path: Path) -> None:
    a_picture(tmp_path / "a.png")
    manifest = Manifest(a_manifest(tmp_path / "files.jsonl", "../b.png", "a.png"))

    refused, taken = rows(manifest)

    assert "\n" not in str(refused.error)
    assert str(refused.error).startswith(f"Line 1 of the manifest {manifest.path} is no valid row: its path '../b.png'")
    assert taken.error is None


def test_a_shard_reaches_what_its_manifest_reaches(tmp_path: Path) -> None:
    address = a_manifest(tmp_path / "files.jsonl", "/etc/a.png", "/usr/b.png")

    [shard] = plan_shards(Manifest(address, foreign=True, allow=["/usr"]), max_files=10)
    told = json.loads(json.dumps(shard.to_json()))

    entries = list(Entries(UploadRequest(told)))
    assert [one.path for one in entries] == [f"{address}:1", "/usr/b.png"]
    [of_author] = plan_shards(Manifest(address), max_files=10)
    assert not {"allow", "foreign"} & set(of_author.to_json()["pieces"][0])


def test_a_manifest_that_travels_keeps_what_it_may_reach() -> None:
    manifest = Manifest("files.jsonl", allow=["/etc"], foreign=True)

    assert pickle.loads(pickle.dumps(manifest)) == manifest
    assert Manifest("files.jsonl").scope.confined is False


@pytest.fixture
def web() -> Iterator[Witness]:
    with Witness() as witness:
        yield witness


def redirecting(target: str) -> Any:
    def script(request: Request) -> Answer | None:
        if request.path.startswith("/photos/"):
            return Answer(302, {}, {"Location": target})
        return Answer(body=b"picture") if request.path.startswith(("/inside/", "/safe/")) else None

    return script


def opened(manifest: Manifest, options: UploadOptions | None = None) -> str:
    """The content of the only file of a manifest, or its error."""
    [entry] = Entries(UploadRequest(manifest, options or UploadOptions()))
    try:
        return str(bytes(entry.content.open().content or b"").decode())
    except ValueError as error:
        return str(error)


def test_a_redirect_to_a_loopback_address_is_not_followed(web: Witness, tmp_path: Path) -> None:
    port = web.url.rpartition(":")[2]
    web.script = redirecting(f"http://localhost:{port}/inside/a.png")
    address = a_manifest(tmp_path / "files.jsonl", f"{web.url}/photos/a.png")

    found = opened(Manifest(address, allow=[f"{web.url}/photos"]))

    assert "loopback" in found
    assert "allow=" in found
    assert not web.seen("GET", "/inside/")
    # The path was asked for once: a refusal is no failure of the storage.
    assert len(web.requests) <= 2
    allowed = Manifest(address, allow=[f"{web.url}/photos", f"http://localhost:{port}"])
    assert opened(allowed) == "picture"


def test_a_name_of_a_loopback_address_is_refused_when_it_is_connected_to(
    web: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name server could answer so for any name.
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **options: look_up("127.0.0.1" if host == "inside.example" else host, *more, **options),
    )
    port = web.url.rpartition(":")[2]
    address = a_manifest(tmp_path / "files.jsonl", f"http://inside.example:{port}/safe/a.png")
    web.script = redirecting("")

    found = opened(Manifest(address))

    assert "loopback" in found
    assert "allow=" in found
    assert not web.requests
    assert opened(Manifest(address, allow=[f"http://inside.example:{port}"])) == "picture"


def test_a_redirect_out_of_the_base_of_a_web_manifest_is_not_followed(web: Witness) -> None:
    web.script = lambda request: (
        Answer(body=b'{"path": "a.png"}\n')
        if request.path == "/photos/files.jsonl"
        else redirecting(f"{web.url}/inside/a.png")(request)
    )

    found = opened(Manifest(f"{web.url}/photos/files.jsonl"))

    assert "base" in found
    assert "allow=" in found
    assert not web.seen("GET", "/inside/")
    assert opened(Manifest(f"{web.url}/photos/files.jsonl", allow=[f"{web.url}/inside"])) == "picture"


def test_the_callers_own_sessions_are_guarded_too(web: Witness, tmp_path: Path) -> None:
    made: list[dict[str, Any]] = []

    async def get_client(**options: Any) -> Any:
        made.append(options)
        return await fsspec.implementations.http.get_client(**options)

    web.script = redirecting(f"{web.url}/inside/a.png")
    address = a_manifest(tmp_path / "files.jsonl", f"{web.url}/photos/a.png")
    manifest = Manifest(address, allow=[f"{web.url}/photos"], foreign=True)

    assert "base" in opened(manifest, UploadOptions(storage_options={"get_client": get_client}))
    assert "base" in opened(manifest, UploadOptions(storage_options={"http": {"get_client": get_client}}))
    # Equal options share a file system, and its session.
    assert len(made) == 1
    assert "connector" in opened(manifest, UploadOptions(storage_options={"client_kwargs": {"connector": object()}}))
    assert not web.seen("GET", "/inside/")
