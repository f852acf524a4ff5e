"""The processings that ship, run by a real server on files that it imported: what they do to a lake."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from PIL import ImageFilter

from datalake_ops.errors import JobFailedError
from datalake_ops.hook import DatalakeHook
from datalake_ops.processings.contract import read_parameters
from datalake_ops.processings.quality import QualityParameters
from datalake_ops.processings.similarity import SimilarityParameters
from datalake_ops.processings.thumbnails import ThumbnailParameters
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.data import Data, MultiData
from datalake_ops.wire.jobs import Job
from tests.platform.images import a_picture, as_bytes


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

    def test_a_tag_that_is_deserved_no_more_goes_and_one_put_by_hand_stays(
        self, hook: DatalakeHook, data: MultiData
    ) -> None:
        by_name = {one.filename: one for one in data}
        hook.add_tags(by_name["small.jpg"], "blurred")
        hook.add_tags(by_name["good.jpg"], "overexposed")

        strict = self.run(hook, "quality-tagging", data, {"blur_threshold": 100.0})
        assert self.tagged(hook)["blurred"] == {"good.jpg", "blurred.jpg", "dark.jpg", "bright.png", "small.jpg"}
        kept = self.run(hook, "quality-tagging", hook.list_data(), {"keep_old": True})
        assert len(self.tagged(hook)["blurred"]) == 5
        usual = self.run(hook, "quality-tagging", hook.list_data())

        assert self.tagged(hook)["blurred"] == {"blurred.jpg", "small.jpg"}
        assert self.tagged(hook)["overexposed"] == {"good.jpg", "bright.png"}
        assert not any("taken off" in line for line in hook.job_log(strict))
        assert "3 tags of earlier runs stay: keep_old" in hook.job_log(kept)
        assert "blurred: taken off 3 data that deserve it no more" in hook.job_log(usual)

    def test_a_near_duplicate_loses_its_tags_when_its_twins_are_gone_and_not_before(
        self, hook: DatalakeHook, data: MultiData
    ) -> None:
        twins = [one for one in data if one.filename in ("good.jpg", "blurred.jpg", "small.jpg")]
        good = next(one for one in twins if one.filename == "good.jpg")
        self.run(hook, "near-duplicates", twins)

        alone = self.run(hook, "near-duplicates", [good])
        assert self.tagged(hook)["near-duplicate"] == {"good.jpg", "blurred.jpg", "small.jpg"}
        hook.delete_data([one for one in twins if one is not good])
        at_last = self.run(hook, "near-duplicates", [good])

        assert any(line.startswith("2 tags of earlier runs stay") for line in hook.job_log(alone))
        assert not any(self.tagged(hook).values())
        assert "near-duplicate: taken off 1 data that deserve it no more" in hook.job_log(at_last)

    def test_the_log_tells_how_wide_the_groups_are(self, hook: DatalakeHook, data: MultiData) -> None:
        log = hook.job_log(self.run(hook, "near-duplicates", data))

        (group,) = (line for line in log if line.startswith("duplicate-"))
        assert re.search(r"\(up to \d+ bits apart\)$", group)
        assert any(re.match(r"widest distance inside a group: \d+ of 64 bits", line) for line in log)

    def test_thumbnails_are_made_once(self, hook: DatalakeHook, data: MultiData) -> None:
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
        return {tag.name: {data.filename for data in hook.iter_data(tags=[tag])} for tag in hook.list_data_tags()}


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
