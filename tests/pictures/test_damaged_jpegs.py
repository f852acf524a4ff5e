"""Damage of JPEGs: a decode at an eighth of the size sees what a whole one sees."""

from __future__ import annotations

import io
import random
from collections import Counter

from PIL import Image

from datalake_ops.pictures.inspection import UnreadablePictureError, verify
from tests.pictures.files import a_photo, saved

COUNT = 500
SIZE = (320, 240)


def intact() -> list[bytes]:
    """JPEGs of each kind that cameras and programs write."""
    return [
        saved(a_photo(mode, SIZE, seed=4), "JPEG", quality=88, **options)
        for mode, options in (
            ("RGB", {"subsampling": 2}),
            ("RGB", {"subsampling": 0}),
            ("RGB", {"progressive": True}),
            ("RGB", {"restart_marker_blocks": 8}),
            ("L", {}),
            ("L", {"progressive": True}),
            ("CMYK", {}),
        )
    ]


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The same file cut short, with a wrong bit, without some bytes, or with zeros over some."""
    kind = chance.choice(("cut", "flipped", "flipped behind the header", "without", "zeroed"))
    start = chance.randrange(2, len(content))
    end = start + chance.randrange(1, 300)
    if kind == "cut":
        return content[:start]
    if kind == "without":
        return content[:start] + content[end:]
    if kind == "zeroed":
        return (content[:start] + bytes(end - start) + content[end:])[: len(content)]
    if kind == "flipped behind the header":
        start = chance.randrange(content.rindex(b"\xff\xda"), len(content))
    return content[:start] + bytes([content[start] ^ 1 << chance.randrange(8)]) + content[start + 1 :]


def is_decoded_whole(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
            image.load()
    except Exception:
        return False
    return True


def is_verified(content: bytes) -> bool:
    try:
        verify(io.BytesIO(content))
    except UnreadablePictureError:
        return False
    return True


def test_five_hundred_damaged_jpegs_get_the_verdict_of_a_whole_decode() -> None:
    chance, files = random.Random(12), intact()
    verdicts: Counter[tuple[bool, bool]] = Counter()

    for _ in range(COUNT):
        content = damaged(chance.choice(files), chance)
        verdicts[is_decoded_whole(content), is_verified(content)] += 1

    assert verdicts[True, False] == verdicts[False, True] == 0
    # There are enough of both.
    assert min(verdicts[True, True], verdicts[False, False]) >= 50
