"""Walking a bucket and keeping objects in a folder, whatever names and links are in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.platform.objects.bucket import Bucket, check_prefix, minimal_prefixes
from datalake_ops.platform.objects.folder_store import FolderStore
from datalake_ops.platform.objects.multipart import MultipartUploads, UnknownUploadError
from datalake_ops.platform.objects.names import BadNameError, check_object_name, generate_object_name
from datalake_ops.platform.objects.ranges import UnsatisfiableRangeError, read_range
from datalake_ops.wire.media_types import ending_of

NAMES = ["a.jpg", "a/1.jpg", "a/2.jpg", "a-b/1.jpg", "b/c/d.png", "b/c.png", "été/ñ.jpg", "z z/q'uote.jpg"]


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    for name in NAMES:
        path = tmp_path / "bucket" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return Bucket(tmp_path / "bucket")


def names(bucket: Bucket, *prefixes: str, after: str = "") -> list[str]:
    return [found.name for found in bucket.walk(prefixes, after)]


def test_a_walk_lists_every_file_in_the_order_of_names(bucket: Bucket) -> None:
    assert names(bucket, "") == sorted(NAMES)


@pytest.mark.parametrize("prefix", ["a", "a/", "a-", "b/c", "b/c/", "a/1.jpg", "nothing", "b/c/d.png/x", "été/"])
def test_a_prefix_is_the_start_of_a_name(bucket: Bucket, prefix: str) -> None:
    assert names(bucket, prefix) == sorted(name for name in NAMES if name.startswith(prefix))


def test_overlapping_prefixes_list_an_object_once(bucket: Bucket) -> None:
    assert names(bucket, "a/1", "a", "a/") == sorted(name for name in NAMES if name.startswith("a"))


@pytest.mark.parametrize("after", ["", *NAMES, "a", "a/", "zzz", "b/"])
def test_a_walk_goes_on_behind_any_name(bucket: Bucket, after: str) -> None:
    assert names(bucket, "", after=after) == sorted(name for name in NAMES if name > after)


def test_links_pipes_and_unreadable_names_lead_nowhere(bucket: Bucket, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_text("secret")
    (bucket.root / "link.jpg").symlink_to(secret)
    (bucket.root / "links").symlink_to(tmp_path)
    os.mkfifo(bucket.root / "pipe.jpg")

    assert names(bucket, "") == sorted(NAMES)
    for name in ("link.jpg", "links/secret.jpg", "pipe.jpg", "a", "a.jpg/x"):
        assert bucket.stat(name) is None, name
        with pytest.raises(FileNotFoundError):
            bucket.open(name)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "a//b", "a/./b", "", "nul\0", "x" * 1025, "\udcff"]
)
def test_unsafe_names_are_refused_everywhere(bucket: Bucket, tmp_path: Path, name: str) -> None:
    store = FolderStore(tmp_path / "objects")

    with pytest.raises(BadNameError):
        bucket.open(name)
    with pytest.raises(BadNameError):
        store.path_of("connector", name)


@pytest.mark.parametrize(("prefix", "checked"), [("/", ""), ("", ""), ("/a/b", "a/b"), ("a/", "a/"), ("..a", "..a")])
def test_a_leading_slash_of_a_prefix_means_the_top(prefix: str, checked: str) -> None:
    assert check_prefix(prefix) == checked


@pytest.mark.parametrize("prefix", ["../", "a/../b", "nul\0", "a//b"])
def test_a_prefix_that_leaves_the_bucket_is_refused(prefix: str) -> None:
    with pytest.raises(BadNameError):
        check_prefix(prefix)


def test_what_is_not_committed_leaves_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)

    with store.stage() as staged:
        staged.write(b"half")

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_upload_that_nobody_completes_is_given_up(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    uploads = MultipartUploads(store, life=0.0)
    upload = uploads.start("connector", "a.mp4", "video/mp4")
    with store.stage() as staged:
        staged.write(b"part")
        uploads.put(upload, 1, staged, "0" * 32)

    uploads.drop_expired()

    with pytest.raises(UnknownUploadError):
        uploads.check(upload, "connector", "a.mp4")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_connectors_keep_the_same_name_apart(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for connector in ("one", "two"):
        with store.stage() as staged:
            staged.write(connector.encode())
            staged.commit(connector, "same.jpg")

    for connector in ("one", "two"):
        with store.open(connector, "same.jpg") as file:
            assert file.read() == connector.encode()


@pytest.mark.parametrize(
    ("filename", "extension"),
    [
        ("a.JPG", ".jpg"),
        ("a.tar.gz", ".gz"),
        ("dir.x/file", ""),
        ("C:\\photos\\a.PNG", ".png"),
        (".jpg", ""),
        ("a.", ""),
        ("a", ""),
        ("a.j pg", ""),
        ("a.é", ""),
        ("a." + "x" * 40, ""),
    ],
)
def test_an_extension_is_kept_only_when_it_is_harmless(filename: str, extension: str) -> None:
    assert ending_of(filename) == extension


@given(st.text(max_size=60), st.text(max_size=60))
def test_generated_names_are_always_safe(filename: str, upload_dir: str) -> None:
    try:
        name = generate_object_name("DATA", filename, upload_dir)
    except BadNameError:
        return

    assert check_object_name(name) == name
    assert ending_of(name) == ending_of(filename)


@given(st.lists(st.text(alphabet="ab/", max_size=4), max_size=8), st.text(alphabet="ab/", max_size=6))
def test_separated_prefixes_cover_what_all_cover(prefixes: list[str], name: str) -> None:
    covering = [prefix for prefix in minimal_prefixes(prefixes) if name.startswith(prefix)]

    assert len(covering) == any(name.startswith(prefix) for prefix in prefixes)


@given(st.integers(0, 200), st.one_of(st.none(), st.integers(0, 200)), st.integers(0, 100))
def test_a_range_never_leaves_the_object(start: int, end: int | None, size: int) -> None:
    try:
        found = read_range(f"bytes={start}-{'' if end is None else end}", size)
    except UnsatisfiableRangeError:
        assert start >= size
        return

    if found is not None:
        last = size - 1 if end is None else min(end, size - 1)
        assert (found.start, found.end) == (start, last)
        assert found.length == last - start + 1
        assert 0 <= found.start <= found.end < size
