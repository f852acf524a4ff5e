"""Perceptual hashes, and groups of near ones."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from datalake_ops.processings import hash_groups, hash_index
from datalake_ops.processings.similarity import SimilarityParameters, group_hashes, perceptual_hash, widest_distance
from tests.platform.images import a_picture, as_bytes


def differing_bits(left: int, right: int) -> int:
    return (left ^ right).bit_count()


def hash_of(image: Image.Image) -> int:
    found = perceptual_hash(image)
    assert found is not None
    return found


def recompressed(image: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(as_bytes(image, quality=60)))


def mirrored(image: Image.Image, across: bool, down: bool) -> Image.Image:
    """The picture's first half beside its mirror image, across, down or both."""
    pixels = np.asarray(image)
    if across:
        half = pixels[:, : pixels.shape[1] // 2]
        pixels = np.concatenate([half, half[:, ::-1]], axis=1)
    if down:
        half = pixels[: pixels.shape[0] // 2]
        pixels = np.concatenate([half, half[::-1]], axis=0)
    return Image.fromarray(pixels)


class TestHashes:
    def test_copies_that_were_resized_or_retouched_hang_together(self) -> None:
        picture = a_picture(640, 480, seed=1)
        copies = [
            picture,
            picture.resize((200, 150)),
            picture.crop((3, 3, 637, 477)),
            picture.point(lambda value: min(255, round(value * 1.05))),
        ]
        others = [a_picture(640, 480, seed=seed) for seed in range(2, 12)]
        hashes = [hash_of(image) for image in (*copies, *others)]

        found = group_hashes(hashes, SimilarityParameters().max_distance)

        assert found == [[0, 1, 2, 3]]

    def test_a_picture_of_nothing_has_nothing_to_compare(self) -> None:
        assert perceptual_hash(Image.new("RGB", (100, 100), "grey")) is None

    @pytest.mark.parametrize(("across", "down"), [(True, False), (False, True), (True, True)])
    @pytest.mark.parametrize(
        "copy",
        [
            lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
            recompressed,
            lambda image: image.point(lambda value: round(value * 0.9)),
        ],
        ids=["resized", "recompressed", "darkened"],
    )
    def test_a_mirror_symmetric_picture_has_the_hash_of_its_copy(
        self, across: bool, down: bool, copy: Callable[[Image.Image], Image.Image]
    ) -> None:
        picture = mirrored(a_picture(640, 480, seed=3), across, down)

        assert differing_bits(hash_of(picture), hash_of(copy(picture))) <= 2


def grouped_in_turn(hashes: list[int], max_distance: int) -> list[set[int]]:
    """Groups of values by the definition: in turn each is taken in by a representative, or becomes one."""
    groups: dict[int, set[int]] = {}
    for value in hashes:
        near = (head for head in groups if differing_bits(head, value) <= max_distance)
        groups.setdefault(next(near, value), set()).add(value)
    return list(groups.values())


@st.composite
def near_hashes(draw: st.DrawFn) -> list[int]:
    """Numbers and neighbours of them: far-off numbers alone would hardly ever meet."""
    hashes = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12))
    for bits in draw(st.lists(st.sets(st.integers(0, 63), max_size=17), max_size=8)):
        hashes.append(draw(st.sampled_from(hashes)) ^ sum(1 << bit for bit in bits))
    return hashes


class TestGroups:
    @settings(deadline=None)
    @given(near_hashes(), st.integers(0, 16))
    def test_each_hash_is_taken_in_by_the_first_representative_near_enough(
        self, hashes: list[int], distance: int
    ) -> None:
        found = group_hashes(hashes, distance, in_order=True)

        expected = [group for group in grouped_in_turn(hashes, distance) if sum(map(hashes.count, group)) > 1]
        assert sorted(sorted({hashes[place] for place in group}) for group in found) == sorted(map(sorted, expected))
        assert all(hashes.count(hashes[place]) <= len(group) for group in found for place in group)

    @settings(deadline=None)
    @given(near_hashes(), st.integers(0, 16), st.data())
    def test_the_order_of_hashes_does_not_change_the_groups(
        self, hashes: list[int], distance: int, data: st.DataObject
    ) -> None:
        shuffled = data.draw(st.permutations(hashes))

        one, other = group_hashes(hashes, distance), group_hashes(shuffled, distance)

        assert sorted(sorted(hashes[place] for place in group) for group in one) == sorted(
            sorted(shuffled[place] for place in group) for group in other
        )

    def test_a_slow_pan_is_cut_into_groups_of_a_bounded_width(self) -> None:
        pan = [(1 << step // 3) - 1 for step in range(160)]

        groups = group_hashes(pan, 8, in_order=True)

        assert sum(map(len, groups)) == 160
        assert len(groups) > 1
        assert max(widest_distance([pan[place] for place in group]) for group in groups) <= 16

    def test_later_hashes_leave_the_groups_of_earlier_ones_alone(self) -> None:
        random = np.random.default_rng(5)
        hashes = [int(value) & 0xFFFFF for value in random.integers(0, 2**63, 300)]

        before = group_hashes(hashes[:200], 4, in_order=True)
        after = group_hashes(hashes, 4, in_order=True)

        among_the_first = [{place for place in group if place < 200} for group in after]
        assert all(set(group) in among_the_first for group in before)

    @pytest.mark.parametrize("kind", ["sparse", "crowded"])
    def test_the_index_finds_what_comparing_all_with_all_finds(
        self, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Small blocks, so that a thousand hashes take every path that millions do.
        monkeypatch.setattr(hash_groups, "_BLOCK", 64)
        monkeypatch.setattr(hash_index, "BLOCK_PAIRS", 4096)
        random = np.random.default_rng(6)
        values = random.integers(0, 2**64, 1200, dtype=np.uint64, endpoint=False)
        if kind == "crowded":
            values &= np.uint64(0x0101010101010101)
        flipped = values[:400] ^ (np.uint64(1) << random.integers(0, 64, 400, dtype=np.uint64))
        hashes = [int(value) for value in np.concatenate([values, flipped])]

        found = group_hashes(hashes, 3, in_order=True)

        expected = [group for group in grouped_in_turn(hashes, 3) if sum(map(hashes.count, group)) > 1]
        assert sorted(sorted({hashes[place] for place in group}) for group in found) == sorted(map(sorted, expected))

    def test_the_widest_distance_is_that_of_the_farthest_pair(self) -> None:
        random = np.random.default_rng(7)
        hashes = [int(value) for value in random.integers(0, 2**63, 60)]

        farthest = max(differing_bits(left, right) for left, right in combinations(hashes, 2))

        assert widest_distance(hashes) == farthest
        assert widest_distance([5, 5]) == 0
