"""Addresses whose names hold `::`, which joins the links of a chain elsewhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.errors import InvalidFileError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.address_chain import AddressChain, split_address, split_links
from datalake_ops.upload.sources.manifest import Manifest
from datalake_ops.upload.sources.streams import base_name
from tests.upload.pictures import a_picture


@pytest.mark.parametrize(
    ("address", "before", "link", "behind", "name"),
    [
        ("s3://bucket/a.jpg", "", "s3://bucket/a.jpg", "", "a.jpg"),
        ("s3://bucket/scan::2024.jpg", "", "s3://bucket/scan::2024.jpg", "", "scan::2024.jpg"),
        ("s3://bucket/x::memory::y.jpg", "", "s3://bucket/x::memory::y.jpg", "", "x::memory::y.jpg"),
        ("zip://a.jpg::s3://b/all.zip", "", "zip://a.jpg", "::s3://b/all.zip", "a.jpg"),
        ("zip://d/a::b.jpg::s3://b/all.zip", "", "zip://d/a::b.jpg", "::s3://b/all.zip", "a::b.jpg"),
        ("zip://a::b::s3://b/all.zip", "", "zip://a::b", "::s3://b/all.zip", "a::b"),
        ("zip://a.jpg::simplecache::s3://b/x.zip", "", "zip://a.jpg", "::simplecache::s3://b/x.zip", "a.jpg"),
        ("zip://d/a.jpg::/tmp/all.zip", "", "zip://d/a.jpg", "::/tmp/all.zip", "a.jpg"),
        ("zip://a::b.jpg::simplecache::all.zip", "", "zip://a::b.jpg", "::simplecache::all.zip", "a::b.jpg"),
        ("simplecache::s3://b/a::b.jpg", "simplecache::", "s3://b/a::b.jpg", "", "a::b.jpg"),
        ("photos/scan::2024.jpg", "", "photos/scan::2024.jpg", "", "scan::2024.jpg"),
    ],
)
def test_a_chain_is_parted_between_its_links_only(address: str, before: str, link: str, behind: str, name: str) -> None:
    assert split_address(address) == AddressChain(before, link, behind)
    assert split_address(address).with_link(link) == address
    assert "::".join(split_links(address)) == address
    assert base_name(address) == name


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Any]:
    """A storage with pictures and an archive; the names hold `::`."""
    memory = import_module("fsspec").filesystem("memory")
    picture = a_picture(tmp_path / "a.png").read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("d/a::b.png", picture)
    for name in ("scan::2024.png", "scan::2024.2.png", "deep::er/x::y.png"):
        memory.pipe_file(f"/colons/{name}", picture)
    memory.pipe_file("/colons.zip", packed.getvalue())
    yield memory
    memory.rm("/colons", recursive=True)
    memory.rm("/colons.zip")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("memory://colons/", ["x::y.png", "scan::2024.2.png", "scan::2024.png"]),
        ("memory://colons/*::2024.png", ["scan::2024.png"]),
        ("memory://colons/scan::2024.png", ["scan::2024.png"]),
        ("memory://colons/deep::er/x::y.png", ["x::y.png"]),
        ("simplecache::memory://colons/scan::2024.png", ["scan::2024.png"]),
        ("zip://d/a::b.png::memory://colons.zip", ["a::b.png"]),
        ("zip://d::memory://colons.zip", ["a::b.png"]),
        (Manifest("memory://colons.jsonl"), ["scan::2024.png"]),
    ],
)
def test_a_name_with_colons_is_registered_whole(storage: Any, lake: DatalakeHook, given: Any, names: list[str]) -> None:
    storage.pipe_file("/colons.jsonl", b'{"path": "colons/scan::2024.png"}\n')

    report = lake.upload(given)

    assert [lake.get_data(one.id).filename for one in report.data] == names
    assert report.failed.paths == []


@pytest.mark.parametrize("behind", ["all.zip", "simplecache::all.zip", "file://all.zip"])
def test_an_archive_may_lie_in_a_local_path(
    storage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    storage.get_file("/colons.zip", "all.zip")

    [entry] = Entries(UploadRequest(f"zip://d/*.png::{behind}"))

    assert entry.content.name == "a::b.png"
    assert entry.content.open().size > 0


def test_an_archive_whose_name_holds_colons_is_an_error_that_says_so(storage: Any) -> None:
    [entry] = Entries(UploadRequest("zip://d/a.png::memory://colons::2.zip"))

    with pytest.raises(InvalidFileError, match="name of an archive must not hold '::'"):
        entry.content.open()
