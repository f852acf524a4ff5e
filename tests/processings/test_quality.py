"""Quality of pictures: sharpness, brightness, size, and the tags that they deserve."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from PIL import Image, ImageFilter

from datalake_ops.demo.photographs import photographs, prepare
from datalake_ops.processings.contract import BadParametersError, read_parameters
from datalake_ops.processings.luma import open_luma
from datalake_ops.processings.quality import SIDE, Quality, QualityParameters, measure_quality, sharpness
from datalake_ops.processings.quality_tagging import judge
from datalake_ops.processings.similarity import SimilarityParameters
from datalake_ops.processings.thumbnails import ThumbnailParameters
from tests.platform.images import a_picture


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

    @pytest.mark.parametrize("shape", [(768, 576), (40, 13), (12, 300)])
    def test_sharpness_is_the_share_of_differences_that_a_mean_of_eleven_pixels_removes(
        self, shape: tuple[int, int]
    ) -> None:
        luma = np.asarray(a_picture(*shape, seed=4).convert("L"))

        expected = 100 * min(share_lost(luma), share_lost(luma.T))

        assert sharpness(luma) == pytest.approx(expected, abs=1e-9)

    def test_differences_at_pixels_without_weight_do_not_count(self) -> None:
        luma = np.asarray(a_picture(300, 200, seed=4).convert("L")).copy()
        weights = np.ones(luma.shape, dtype=np.float32)
        weights[:, 150:] = 0
        expected = sharpness(luma[:, :150])

        luma[:, 150:] = np.random.default_rng(0).integers(0, 256, (200, 150))

        assert sharpness(luma, weights) == pytest.approx(expected, abs=1e-9)


def share_lost(luma: np.ndarray[Any, Any]) -> float:
    """The measure along the rows, by its definition."""
    values = luma.astype(float)
    window = np.stack([values[start : start + len(values) - 10] for start in range(11)]).mean(axis=0)
    before = np.abs(np.diff(values[5:-5], axis=0))
    return float(np.maximum(0, before - np.abs(np.diff(window, axis=0))).sum() / before.sum())


class TestVerdict:
    ONE, OTHER = UUID(int=1), UUID(int=2)

    def test_every_tag_is_deserved_or_not(self) -> None:
        blurred = Quality(sharpness=10.0, brightness=100.0, width=500, height=400)

        verdict = judge({self.ONE: blurred}, QualityParameters())

        assert verdict.deserved == {"blurred": {self.ONE}, "dark": set(), "overexposed": set(), "low-resolution": set()}
        assert {tag for tag, ids in verdict.undeserved.items() if ids} == {"dark", "overexposed", "low-resolution"}

    def test_nothing_is_said_of_an_exposure_that_is_not_known(self) -> None:
        verdict = judge({self.ONE: Quality(10.0, None, 500, 400)}, QualityParameters(tag_prefix="q-"))

        assert verdict.undeserved == {
            "q-blurred": set(),
            "q-dark": set(),
            "q-overexposed": set(),
            "q-low-resolution": {self.ONE},
        }


# Sharpness and brightness of the demo's photographs, measured on whole pictures of 768 pixels in floating point.
MEASURED_BEFORE = {
    "aizkorri-blurred": (38.12, 136.8),
    "aizkorri": (81.83, 136.8),
    "astronaut-darkened": (71.13, 11.5),
    "astronaut": (67.19, 115.4),
    "brick-wall-overexposed": (100.00, 255.0),
    "brick-wall": (70.09, 111.5),
    "cameraman-shrunk": (74.04, 129.1),
    "cameraman": (80.46, 129.1),
    "cat-retouched": (70.39, 122.9),
    "cat": (70.27, 119.5),
    "coffee-blurred": (27.16, 103.6),
    "coffee": (79.06, 103.6),
    "dahlia-darkened": (76.66, 6.6),
    "dahlia": (69.28, 66.2),
    "dandelions-overexposed": (63.21, 238.8),
    "dandelions": (58.19, 86.6),
    "fig-in-a-bowl-shrunk": (69.82, 105.2),
    "fig-in-a-bowl": (80.28, 105.2),
    "forest-brook-retouched": (80.66, 103.7),
    "forest-brook": (80.41, 100.5),
    "grass-blurred": (46.48, 118.2),
    "grass": (81.26, 118.2),
    "gravel-darkened": (79.03, 12.7),
    "gravel": (76.63, 126.5),
    "hubble-deep-field-overexposed": (84.77, 206.6),
    "hubble-deep-field": (84.09, 19.3),
    "moving-clock-shrunk": (40.08, 146.3),
    "moving-clock": (55.24, 146.3),
    "paint-brushes-retouched": (72.19, 105.2),
    "paint-brushes": (72.17, 102.2),
    "pavilion-blurred": (27.43, 144.8),
    "pavilion": (85.67, 144.8),
    "picos-de-europa-darkened": (80.83, 10.6),
    "picos-de-europa": (79.36, 106.5),
    "retina-overexposed": (69.92, 238.9),
    "retina": (71.49, 90.3),
    "rocket-shrunk": (64.65, 60.9),
    "rocket": (85.44, 61.0),
    "sunset-retouched": (76.98, 116.7),
    "sunset": (77.22, 112.9),
    "table-with-wine-blurred": (29.44, 106.7),
    "table-with-wine": (66.12, 106.7),
    "two-dogs-darkened": (77.68, 14.0),
    "two-dogs": (72.01, 140.3),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    prepared = prepare(photographs(None), tmp_path_factory.mktemp("demo") / "prepared", invent_exif=False)
    return {path.stem[4:]: path for path in prepared}


def test_the_demos_photographs_measure_what_they_always_did(demo: dict[str, Path]) -> None:
    for name, path in demo.items():
        picture = open_luma(path, SIDE)
        quality = measure_quality(picture, *picture.size)
        # The sharp ones begin 1 above the threshold.
        assert quality.sharpness == pytest.approx(MEASURED_BEFORE[name][0], abs=0.5), name
        assert quality.brightness == pytest.approx(MEASURED_BEFORE[name][1], abs=0.5), name


@pytest.mark.parametrize(
    ("kind", "given_parameters"),
    [
        (QualityParameters, {"blur_threshold": "high"}),
        (QualityParameters, {"blur_threshold": 101}),
        (QualityParameters, {"dark_threshold": 200.0, "bright_threshold": 100.0}),
        (QualityParameters, {"min_side": 1.5}),
        (QualityParameters, {"min_side": True}),
        (QualityParameters, {"blurr": 1}),
        (QualityParameters, {"value_range": [4095, 0]}),
        (QualityParameters, {"value_range": [0, 1, 2]}),
        (QualityParameters, {"value_range": 4095}),
        (QualityParameters, {"value_range": [0, "white"]}),
        (QualityParameters, {"keep_old": 1}),
        (SimilarityParameters, {"keep_old": "yes"}),
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
