from __future__ import annotations

import pytest

from datalake_ops.upload.sources.media_type import content_type, data_type
from datalake_ops.wire.data import DataType


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "image/jpeg"),
        ("A.JPG", "image/jpeg"),
        ("a.b.png", "image/png"),
        ("a.tiff", "image/tiff"),
        ("clip.mp4", "video/mp4"),
        ("http:odd.png", "image/png"),
        ("raw.hdf5x", "application/octet-stream"),
        ("README", "application/octet-stream"),
    ],
)
def test_the_content_type_comes_from_the_extension(name: str, expected: str) -> None:
    assert content_type(name) == expected


def test_only_video_types_are_videos() -> None:
    assert data_type("video/mp4") is DataType.VIDEO
    assert data_type("image/png") is DataType.IMAGE
    assert data_type("application/octet-stream") is DataType.IMAGE
