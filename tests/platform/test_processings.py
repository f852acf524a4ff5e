"""The processings that ship: what they see in pictures, and what they do to a lake."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from datalake_ops.errors import JobFailedError
from datalake_ops.hook import DatalakeHook
from datalake_ops.processings.contract import BadParametersError, read_parameters
from datalake_ops.processings.pictures import UnreadablePictureError, open_picture
from datalake_ops.processings.quality import Quality, QualityParameters, measure_quality
from datalake_ops.processings.similarity import SimilarityParameters, group_hashes, perceptual_hash
from datalake_ops.processings.thumbnails import ThumbnailParameters, shrink
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.data import Data, MultiData
from datalake_ops.wire.jobs import Job
from tests.platform.images import a_picture, as_bytes


def the_quality(image: Image.Image) -> Quality:
    return measure_quality(image, *image.size)


class TestQuality:
    def test_a_sharp_and_well_lit_picture_deserves_no_tag(self) -> None:
        assert the_quality(a_picture(640, 480)).tags(QualityParameters()) == []

    @pytest.mark.parametrize("radius", [2, 4, 10])
    def test_a_blurred_picture_is_seen(self, radius: int) -> None:
        blurred = a_picture(640, 480).filter(ImageFilter.GaussianBlur(radius))

        assert the_quality(blurred).tags(QualityParameters()) == ["blurred"]

    def test_a_dark_picture_is_dark_and_not_blurred(self) -> None:
        dark = a_picture(640, 480).point(lambda value: value // 10)

        assert the_quality(dark).tags(QualityParameters()) == ["dark"]

    def test_an_overexposed_picture_is_seen(self) -> None:
        bright = a_picture(640, 480).point(lambda value: min(255, value + 120))

        assert the_quality(bright).tags(QualityParameters()) == ["overexposed"]

    def test_a_small_picture_is_of_low_resolution(self) -> None:
        assert the_quality(a_picture(300, 100)).tags(QualityParameters()) == ["low-resolution"]

    def test_the_size_of_a_picture_hardly_moves_its_sharpness(self) -> None:
        picture = a_picture(2400, 1800)

        large, half = the_quality(picture), the_quality(picture.resize((1200, 900), Image.Resampling.LANCZOS))

        assert large.sharpness == pytest.approx(half.sharpness, abs=8)

    @pytest.mark.parametrize("colour", [0, 128, 255])
    def test_a_picture_of_nothing_is_not_blurred(self, colour: int) -> None:
        nothing = Image.new("L", (640, 480), colour)

        assert "blurred" not in the_quality(nothing).tags(QualityParameters())

    def test_thresholds_are_parameters(self) -> None:
        found = Quality(sharpness=60.0, brightness=100.0, width=500, height=400)

        strict = QualityParameters(blur_threshold=70, dark_threshold=110, min_side=450, tag_prefix="q-")

        assert found.tags(strict) == ["q-blurred", "q-dark", "q-low-resolution"]


class TestResemblance:
    def test_copies_that_were_resized_or_retouched_hang_together(self) -> None:
        picture = a_picture(640, 480, seed=1)
        copies = [
            picture,
            picture.resize((200, 150)),
            picture.crop((3, 3, 637, 477)),
            picture.point(lambda value: min(255, round(value * 1.05))),
        ]
        others = [a_picture(640, 480, seed=seed) for seed in range(2, 12)]
        hashes = [perceptual_hash(image) for image in (*copies, *others)]

        found = group_hashes([value for value in hashes if value is not None], SimilarityParameters().max_distance)

        assert found == [[0, 1, 2, 3]]

    def test_a_picture_of_nothing_has_nothing_to_compare(self) -> None:
        assert perceptual_hash(Image.new("RGB", (100, 100), "grey")) is None

    @given(st.lists(st.integers(0, 2**64 - 1), max_size=12), st.integers(0, 16), st.data())
    def test_groups_are_what_comparing_all_with_all_gives(
        self, hashes: list[int], distance: int, data: st.DataObject
    ) -> None:
        # Neighbours of what is there: far-off numbers alone would hardly ever meet.
        flips = data.draw(st.lists(st.tuples(st.integers(0, 11), st.sets(st.integers(0, 63), max_size=17)), max_size=6))
        for index, bits in flips:
            if index < len(hashes):
                hashes.append(hashes[index] ^ sum(1 << bit for bit in bits))

        found = group_hashes(hashes, distance)

        assert sorted(map(sorted, found)) == sorted(compared_all_with_all(hashes, distance))


def compared_all_with_all(hashes: list[int], distance: int) -> list[list[int]]:
    left = set(range(len(hashes)))
    found = []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {
                other
                for one in edge
                for other in left - group
                if bin(hashes[one] ^ hashes[other]).count("1") <= distance
            }
        left -= group
        if len(group) > 1:
            found.append(sorted(group))
    return found


class TestPictures:
    def test_a_picture_is_opened_upright(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        (tmp_path / "a.jpg").write_bytes(as_bytes(a_picture(320, 200), "JPEG", exif=exif))

        assert open_picture(tmp_path / "a.jpg").size == (200, 320)

    def test_transparency_shows_white(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(as_bytes(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG"))

        assert open_picture(tmp_path / "a.png").getpixel((5, 5)) == (255, 255, 255)

    def test_deep_grey_is_spread_over_what_can_be_seen(self, tmp_path: Path) -> None:
        deep = Image.new("I;16", (4, 1))
        for x, value in enumerate((1000, 2000, 3000, 4000)):
            deep.putpixel((x, 0), value)
        (tmp_path / "a.png").write_bytes(as_bytes(deep, "PNG"))

        opened = open_picture(tmp_path / "a.png")

        assert [opened.getpixel((x, 0)) for x in range(4)] == [
            (0, 0, 0),
            (85, 85, 85),
            (170, 170, 170),
            (255, 255, 255),
        ]

    def test_a_damaged_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(as_bytes(a_picture(), "JPEG")[:3000])

        with pytest.raises(UnreadablePictureError):
            open_picture(tmp_path / "a.jpg")

    def test_a_thumbnail_keeps_its_shape_and_is_never_larger(self) -> None:
        assert shrink(a_picture(640, 320), 256).size == (256, 128)
        assert shrink(a_picture(100, 50), 256).size == (100, 50)


@pytest.mark.parametrize(
    ("kind", "given_parameters"),
    [
        (QualityParameters, {"blur_threshold": "high"}),
        (QualityParameters, {"blur_threshold": 101}),
        (QualityParameters, {"dark_threshold": 200.0, "bright_threshold": 100.0}),
        (QualityParameters, {"min_side": 1.5}),
        (QualityParameters, {"min_side": True}),
        (QualityParameters, {"blurr": 1}),
        (SimilarityParameters, {"max_distance": 17}),
        (SimilarityParameters, {"max_distance": -1}),
        (ThumbnailParameters, {"max_side": 2}),
        (ThumbnailParameters, {"quality": 100}),
    ],
)
def test_parameters_that_cannot_be_right_are_refused_by_name(kind: type, given_parameters: dict[str, Any]) -> None:
    with pytest.raises(BadParametersError) as caught:
        read_parameters(kind, given_parameters)

    assert any(name in str(caught.value) for name in given_parameters)


@pytest.fixture
def server(datalake_platform: PlatformServer) -> PlatformServer:
    return datalake_platform


class TestOnAPlatform:
    """The programs themselves, started by a real server on files that it imported."""

    @pytest.fixture
    def hook(self, server: PlatformServer, request: pytest.FixtureRequest) -> Iterator[DatalakeHook]:
        with server.hook(datalake_id=server.add_lake(request.node.name)) as hook:
            yield hook

    @pytest.fixture
    def data(self, server: PlatformServer, hook: DatalakeHook, request: pytest.FixtureRequest) -> MultiData:
        good = a_picture(640, 480, seed=3)
        files = {
            "good.jpg": as_bytes(good, quality=92),
            "blurred.jpg": as_bytes(good.filter(ImageFilter.GaussianBlur(6)), quality=92),
            "dark.jpg": as_bytes(a_picture(640, 480, seed=4).point(lambda value: value // 10), quality=92),
            "bright.png": as_bytes(a_picture(640, 480, seed=5).point(lambda value: min(255, value + 120)), "PNG"),
            "small.jpg": as_bytes(good.resize((160, 120)), quality=92),
            "broken.jpg": as_bytes(good)[:4000],
        }
        folder = server.bucket / request.node.name
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        hook.wait_for_job(hook.import_bucket_objects([f"{folder.name}/"]), timeout=240)
        return hook.list_data()

    def test_quality_tagging_tags_what_deserves_it(self, hook: DatalakeHook, data: MultiData) -> None:
        job = self.run(hook, "quality-tagging", data)

        assert self.tagged(hook) == {
            "blurred": {"blurred.jpg"},
            "dark": {"dark.jpg"},
            "overexposed": {"bright.png"},
            "low-resolution": {"small.jpg"},
        }
        log = hook.job_log(job)
        assert any(line.startswith("good.jpg: good (sharpness") for line in log)
        assert "broken.jpg: could not be read by the platform" in log
        assert log[-1] == "checked 5 of 6 data: blurred 1, dark 1, low-resolution 1, overexposed 1"

    def test_quality_tagging_makes_one_request_per_tag_not_per_image(
        self, server: PlatformServer, hook: DatalakeHook, data: MultiData
    ) -> None:
        server.clear_requests()

        self.run(hook, "quality-tagging", data, {"blur_threshold": 100.0, "min_side": 2000})

        attached = [one for one in server.requests() if one["path"].endswith("/attach")]
        assert len(attached) == len(self.tagged(hook))

    def test_near_duplicates_tags_each_group_the_same_in_every_run(self, hook: DatalakeHook, data: MultiData) -> None:
        self.run(hook, "near-duplicates", data)

        first = self.tagged(hook)
        tagged = dict(first)
        assert tagged.pop("near-duplicate") == {"good.jpg", "blurred.jpg", "small.jpg"}
        assert list(tagged.values()) == [{"good.jpg", "blurred.jpg", "small.jpg"}]
        assert all(name.startswith("duplicate-") for name in tagged)
        # A second run names the groups the same.
        self.run(hook, "near-duplicates", data)
        assert self.tagged(hook) == first

    def test_thumbnails_are_made_once(self, hook: DatalakeHook, data: MultiData, tmp_path: Path) -> None:
        first = self.run(hook, "thumbnails", data, {"max_side": 64})
        second = self.run(hook, "thumbnails", data, {"max_side": 64})

        assert hook.job_log(first)[-1] == "6 data: 5 made, 0 existing, 1 failed"
        assert hook.job_log(second)[-1] == "6 data: 0 made, 5 existing, 1 failed"
        good = next(one for one in data if one.filename == "good.jpg")
        (projection,) = hook.list_projections(good)
        assert (projection.name, projection.compute_status.value) == ("thumbnail", "DONE")

    def test_bad_parameters_end_the_job_with_a_clear_word(self, hook: DatalakeHook, data: MultiData) -> None:
        with pytest.raises(JobFailedError) as caught:
            self.run(hook, "quality-tagging", data, {"blur_threshold": "high"})

        assert caught.value.log[-1] == "failed: blur_threshold must be a number, not 'high'."
        assert caught.value.job is not None
        assert caught.value.job.exit_code == 1

    def test_a_run_in_which_nothing_could_be_read_fails(self, hook: DatalakeHook, data: MultiData) -> None:
        broken = [one for one in data if one.filename == "broken.jpg"]

        names = ("quality-tagging", "near-duplicates", "thumbnails")
        jobs = [hook.launch_processing(name, broken) for name in names]

        for job in jobs:
            with pytest.raises(JobFailedError):
                hook.wait_for_job(job, timeout=240)

    def test_a_file_that_vanished_from_the_bucket_does_not_stop_the_others(
        self, server: PlatformServer, hook: DatalakeHook, data: MultiData, request: pytest.FixtureRequest
    ) -> None:
        shutil.move(server.bucket / request.node.name / "dark.jpg", server.bucket / "moved away.jpg")

        job = self.run(hook, "quality-tagging", data)

        assert "dark.jpg: could not be downloaded" in hook.job_log(job)
        assert "dark" not in self.tagged(hook)

    def test_a_program_waits_for_a_platform_that_is_away_for_longer_than_a_mere_caller_would(
        self, server: PlatformServer, hook: DatalakeHook, data: MultiData
    ) -> None:
        away = server.script_fault("*", "/datas$", status=503, retry_after=0.1, count=12)

        job = self.run(hook, "quality-tagging", data)

        assert job.status.value == "SUCCEEDED"
        assert server.faults_met(away) == 12

    @staticmethod
    def run(
        hook: DatalakeHook, processing: str, data: MultiData | list[Data], parameters: dict[str, Any] | None = None
    ) -> Job:
        return hook.wait_for_job(hook.launch_processing(processing, data, parameters), timeout=240)

    @staticmethod
    def tagged(hook: DatalakeHook) -> dict[str, set[str]]:
        return {tag.name: {data.filename for data in hook.list_data(tags=[tag])} for tag in hook.list_data_tags()}


def test_the_built_in_parameters_are_those_the_programs_expect(server: PlatformServer) -> None:
    # Other tests register processings in the server's own organization.
    organization = server.add_organization(f"fresh-{uuid4().hex[:8]}")
    with server.hook(api_token=organization["token"]) as hook:
        found = {one.name: one.default_parameters for one in hook.list_processings()}

    kinds = {
        "quality-tagging": QualityParameters,
        "near-duplicates": SimilarityParameters,
        "thumbnails": ThumbnailParameters,
    }
    assert set(found) == set(kinds)
    for name, kind in kinds.items():
        assert read_parameters(kind, found[name] or {}) == kind(), json.dumps(found[name])
