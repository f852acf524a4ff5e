from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalake_ops.errors import ConfigurationError, InvalidFileError, UploadError
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import WHOLE_BYTES, json_ready
from datalake_ops.upload.sources.local import open_file


def test_one_path_is_a_list_of_one() -> None:
    assert [entry.path for entry in Entries(UploadRequest("a.jpg"))] == ["a.jpg"]
    assert [entry.path for entry in Entries(UploadRequest(Path("b/a.jpg")))] == [str(Path("b/a.jpg"))]


def test_paths_keep_their_order_and_their_repetitions() -> None:
    found = Entries(UploadRequest(["b.jpg", Path("a.jpg"), "b.jpg"]))

    assert [(entry.index, entry.path) for entry in found] == [(0, "b.jpg"), (1, "a.jpg"), (2, "b.jpg")]


def test_one_mapping_and_one_size_are_for_every_file() -> None:
    options = UploadOptions(metadata={"weather": "sun"}, custom_metadata={"k": 1}, sizes=(4, 3))

    found = Entries(UploadRequest(["a", "b"], options))

    assert [(entry.metadata, entry.custom_metadata, entry.size) for entry in found] == [
        ({"weather": "sun"}, {"k": 1}, (4, 3))
    ] * 2


def test_lists_go_one_by_one_and_may_leave_files_out() -> None:
    found = Entries(UploadRequest(["a", "b"], UploadOptions(metadata=[{"weather": "sun"}, None], sizes=[None, (4, 3)])))

    assert [entry.metadata for entry in found] == [{"weather": "sun"}, None]
    assert [entry.size for entry in found] == [None, (4, 3)]


@pytest.mark.parametrize("empty", [None, {}, []])
def test_empty_metadata_is_no_metadata(empty: Any) -> None:
    assert list(Entries(UploadRequest(["a", "b"], UploadOptions(metadata=empty))))[1].metadata is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": [{}]},
        {"custom_metadata": [{"a": 1}] * 3},
        {"sizes": [(1, 1)]},
        {"sizes": [(1, 1), (1,)]},
        {"sizes": [(1, 1), (0, 1)]},
        {"metadata": ["weather", None]},
        {"max_workers": 0},
    ],
)
def test_arguments_that_cannot_be_right_are_refused_before_anything_is_sent(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Entries(UploadRequest(["a", "b"], UploadOptions(**wrong)))


@pytest.mark.parametrize("path", [None, 3, b"a.jpg"])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="path"):
        Entries(UploadRequest(["a.jpg", path]))
    with pytest.raises(ConfigurationError, match="path"):
        Entries(UploadRequest(path))


@pytest.mark.parametrize("path", [None, 3, b"a.jpg"])
def test_what_is_no_path_costs_only_its_row_when_it_comes_late(path: Any) -> None:
    good, bad, last = Entries(UploadRequest(iter(["a.jpg", path, "b.jpg"])))

    assert [good.path, last.path] == ["a.jpg", "b.jpg"]
    with pytest.raises(InvalidFileError, match="path"):
        bad.content.open()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.touch(), "is empty"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
)
def test_what_is_no_readable_file_says_why(tmp_path: Path, make: Any, reason: str) -> None:
    path = tmp_path / "a.png"
    make(path)

    with pytest.raises(InvalidFileError, match=reason) as caught:
        open_file(str(path))

    assert caught.value.path == str(path)


@pytest.mark.parametrize("path", ["a\0b.jpg", "n" * 300 + ".jpg", "caf\udce9.jpg"])
def test_names_that_no_file_or_wire_can_have_are_refused(path: str) -> None:
    with pytest.raises(InvalidFileError):
        open_file(path)


@pytest.mark.parametrize("name", ["with space.jpg", "quo'te\".jpg", "été 日本 🚗.jpg", "back\\slash.jpg", "-dash.jpg"])
def test_odd_names_are_read_and_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"abc")

    file = open_file(str(tmp_path / "deeper" / ".." / name) if (tmp_path / "deeper").mkdir() is None else "")

    assert file.name == name
    assert file.content == b"abc"


@settings(deadline=None)  # A busy machine is no fault of the file.
@given(extra=st.integers(min_value=-2, max_value=3), start=st.integers(0, 700_000), length=st.integers(1, 300_000))
def test_slices_are_the_file_s_bytes_whether_it_was_read_whole_or_not(
    tmp_path_factory: pytest.TempPathFactory, extra: int, start: int, length: int
) -> None:
    content = os.urandom(WHOLE_BYTES + extra)
    path = tmp_path_factory.mktemp("slices") / "f"
    path.write_bytes(content)
    file = open_file(str(path))
    start = min(start, file.size - 1)
    end = min(start + length, file.size)

    assert (file.content is None) == (extra > 0)
    assert file.size == len(content)
    assert file.read(start, end) == content[start:end]


@pytest.mark.parametrize("change", ["shorter", "longer", "rewritten", "gone"])
def test_a_large_file_that_changes_is_noticed_at_the_next_slice(tmp_path: Path, change: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * (WHOLE_BYTES + 10))
    file = open_file(str(path))

    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(b"y" * (WHOLE_BYTES + {"shorter": 5, "longer": 20, "rewritten": 10}[change]))
        os.utime(path, ns=(1, file.modified_ns + 1))

    with pytest.raises(InvalidFileError, match=r"changed|vanished"):
        file.read(0, 10)


def test_metadata_takes_its_json_form() -> None:
    given_values = {
        "acquired_at": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        "reference": UUID(int=1),
        "altitude": float("nan"),
        "weather": None,
    }

    assert json_ready("a.jpg", given_values, "metadata") == {
        "acquired_at": "2024-01-02T03:04:05Z",
        "reference": str(UUID(int=1)),
        "altitude": None,
        "weather": None,
    }


@pytest.mark.parametrize("value", [object(), {1, object()}, "\udce9"])
def test_metadata_without_a_json_form_is_an_error_of_its_file(value: Any) -> None:
    with pytest.raises(UploadError, match=r"metadata of a\.jpg") as caught:
        json_ready("a.jpg", {"weather": value}, "metadata")

    assert caught.value.path == "a.jpg"
