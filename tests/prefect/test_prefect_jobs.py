"""The tasks that start jobs and wait for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, runtime

from datalake_ops.errors import JobFailedError, JobKilledError, JobWaitTimeoutError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.jobs import JobStatus
from prefect_tasks import DatalakeCredentials, await_job, import_bucket_objects, launch_processing, wait_for_job
from tests.prefect.job_looks import await_first_look, await_status

pytestmark = pytest.mark.usefixtures("prefect_api", "processings", "some_data")
PATIENCE = 240.0


def launches(platform: PlatformServer) -> list[dict[str, Any]]:
    return [request for request in platform.requests() if request["path"].endswith("/processing/launch")]


class TestStarting:
    def test_an_import_reaches_the_data_of_the_prefix(
        self, platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials,
        an_image: Callable[[str], Path],
    ) -> None:  # fmt: skip
        inside = platform.bucket / lake.context.datalake.name / "inside"
        inside.mkdir(parents=True)
        an_image("c.png").rename(inside / "c.png")

        @flow
        def imported() -> dict[str, Any]:
            job = import_bucket_objects(credentials, f"{lake.context.datalake.name}/inside", ["bucket"], "shelf")
            return wait_for_job(credentials, job, timeout=PATIENCE)

        done = imported()

        assert done["status"] == "SUCCEEDED"
        assert [data.filename for data in lake.list_data(tags="bucket")] == ["c.png"]

    def test_a_retried_flow_finds_the_job_it_started(
        self, platform: PlatformServer, credentials: DatalakeCredentials
    ) -> None:
        jobs = []

        @flow(retries=2)
        def processed() -> None:
            jobs.append(launch_processing(credentials, "patient", tags="ingested"))
            if len(jobs) < 3:
                raise RuntimeError("after the launch")

        processed()

        assert len(set(jobs)) == 1
        assert len(launches(platform)) == 1

    def test_a_retried_flow_starts_another_job_when_its_first_one_failed(
        self, platform: PlatformServer, credentials: DatalakeCredentials
    ) -> None:
        jobs = []

        @flow(retries=2)
        def processed() -> dict[str, Any]:
            jobs.append(launch_processing(credentials, "second-time-lucky", tags="ingested"))
            done: dict[str, Any] = wait_for_job(credentials, jobs[-1], timeout=PATIENCE)
            if len(jobs) < 3:
                raise RuntimeError("after the second job succeeded")
            return done

        assert processed()["status"] == "SUCCEEDED"
        assert len(jobs) == 3
        assert jobs[0] != jobs[1] == jobs[2]

    def test_a_retried_flow_that_lost_its_result_finds_its_job_though_no_data_match_any_more(
        self, lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]
    ) -> None:
        jobs = []

        @flow(retries=1)
        def processed() -> None:
            jobs.append(launch_processing.with_options(refresh_cache=True)(credentials, "patient", tags="ingested"))
            if len(jobs) == 1:
                lake.remove_tags(some_data, "ingested")
                raise RuntimeError("after the launch")

        processed()

        assert jobs[0] == jobs[1]

    def test_a_retried_flow_replaces_a_failed_job_though_its_filter_finds_other_data_now(
        self, lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]
    ) -> None:
        jobs = []

        @flow(retries=2)
        def processed() -> None:
            jobs.append(launch_processing(credentials, "failing", tags="ingested"))
            lake.remove_tags(some_data[len(jobs) - 1 : len(jobs)], "ingested")
            wait_for_job(credentials, jobs[-1], timeout=PATIENCE)

        with pytest.raises(JobFailedError):
            processed()

        assert len(set(jobs)) == 3

    def test_the_same_launch_in_another_lake_is_another_job(
        self, platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials,
        an_image: Callable[[str], Path],
    ) -> None:  # fmt: skip
        platform.add_lake(other := f"{lake.context.datalake.name}-other")
        with platform.hook(datalake_name=other) as elsewhere:
            elsewhere.upload(an_image("other.png"), tags=["ingested"])
            there = DatalakeCredentials.from_connection(elsewhere.connection)

        @flow
        def processed() -> list[str]:
            return [launch_processing(where, "thumbnails", tags="ingested") for where in (credentials, there)]

        one, two = processed()

        assert one != two

    def test_a_lost_answer_starts_no_second_job(
        self, platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials
    ) -> None:
        fault = platform.script_fault("POST", "/processing/launch", drop=True)
        runs = []

        @flow
        def processed() -> str:
            runs.append(str(runtime.flow_run.id))
            return launch_processing(credentials, "patient", tags="ingested")

        job = processed()

        assert platform.faults_met(fault) == 1
        assert [str(found.id) for found in lake.find_jobs(labels={"flow_run_id": runs[0]})] == [job]

    def test_jobs_carry_the_run_and_the_run_that_it_is_part_of(
        self, lake: DatalakeHook, credentials: DatalakeCredentials
    ) -> None:
        @flow
        def inner() -> tuple[str, str]:
            return str(runtime.flow_run.id), launch_processing(credentials, "patient", tags="ingested")

        @flow
        def outer() -> tuple[str, str, str]:
            return str(runtime.flow_run.id), *inner()

        outer_run, inner_run, job = outer()

        for labels in ({"flow_run_id": inner_run}, {"root_flow_run_id": outer_run}):
            assert [str(found.id) for found in lake.find_jobs(labels=labels)] == [job]


class TestWaiting:
    def test_tells_what_became_of_the_job(self, credentials: DatalakeCredentials, some_data: list[str]) -> None:
        @flow
        def processed() -> dict[str, Any]:
            job = launch_processing(credentials, "thumbnails", some_data)
            return wait_for_job(credentials, job, timeout=PATIENCE)

        done = processed()

        assert done["status"] == "SUCCEEDED"
        assert done["id"] in done["url"]
        assert done["seconds"] > 0
        assert json.loads(json.dumps(done)) == done

    def test_a_failed_job_fails_the_flow_with_the_reason_and_the_log(self, credentials: DatalakeCredentials) -> None:
        @flow
        def processed() -> None:
            wait_for_job(credentials, launch_processing(credentials, "failing", tags="ingested"), timeout=PATIENCE)

        state = processed(return_state=True)

        assert state.is_failed()
        assert "exit code 3" in str(state.message)
        with pytest.raises(JobFailedError, match="the lens cap was on"):
            state.result()

    def test_a_job_that_others_killed_fails_the_flow(
        self, lake: DatalakeHook, credentials: DatalakeCredentials
    ) -> None:
        @flow
        def processed() -> None:
            job = launch_processing(credentials, "patient", tags="ingested")
            lake.cancel_job(job)
            wait_for_job(credentials, job, timeout=PATIENCE)

        with pytest.raises(JobKilledError):
            processed()

    @pytest.mark.parametrize(("on_stop", "expected"), [("cancel", JobStatus.KILLED), ("detach", JobStatus.RUNNING)])
    def test_a_wait_that_takes_too_long_cancels_the_job_unless_detached(
        self, lake: DatalakeHook, credentials: DatalakeCredentials, on_stop: Any, expected: JobStatus
    ) -> None:
        jobs = []

        @flow
        def processed() -> None:
            jobs.append(launch_processing(credentials, "patient", tags="ingested"))
            await_status(lake, jobs[0], JobStatus.RUNNING)
            wait_for_job(credentials, jobs[0], timeout=3.0, on_stop=on_stop)

        with pytest.raises(JobWaitTimeoutError):
            processed()

        await_status(lake, jobs[0], expected)

    def test_a_wait_outlives_a_platform_that_is_away_for_a_while(
        self, platform: PlatformServer, credentials: DatalakeCredentials
    ) -> None:
        fault = platform.script_fault("GET", "/api/v2/job/", status=502, count=4)

        @flow
        def processed() -> dict[str, Any]:
            job = launch_processing(credentials, "thumbnails", tags="ingested")
            return wait_for_job(credentials, job, timeout=PATIENCE)

        assert processed()["status"] == "SUCCEEDED"
        assert platform.faults_met(fault) > 0

    def test_retries_of_a_wait_do_not_prolong_it(
        self, platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials
    ) -> None:
        jobs = []

        @flow
        def processed() -> None:
            jobs.append(launch_processing(credentials, "patient", tags="ingested"))
            # One look succeeds, for what the launch said of the job's end is to be known.
            platform.script_fault("GET", "/api/v2/job/", status=502, count=1000, after=1)
            # Ten failed looks are borne, which takes less than the timeout: a try alone never comes to its end.
            again = wait_for_job.with_options(retry_delay_seconds=0)
            again(credentials, jobs[0], timeout=4.0, poll_interval=0.25)

        with pytest.raises(JobWaitTimeoutError):
            processed()

        platform.clear_faults()
        await_status(lake, jobs[0], JobStatus.KILLED)


class TestAwaiting:
    def test_many_jobs_are_awaited_at_once(self, credentials: DatalakeCredentials, some_data: list[str]) -> None:
        @flow
        async def processed() -> list[str]:
            jobs = [launch_processing(credentials, "thumbnails", [one]) for one in some_data]
            done = await asyncio.gather(*(await_job(credentials, job, timeout=PATIENCE) for job in jobs))
            return [one["status"] for one in done]

        assert asyncio.run(processed()) == ["SUCCEEDED"] * len(some_data)

    def test_a_failed_job_fails_the_flow_with_the_reason_and_the_log(self, credentials: DatalakeCredentials) -> None:
        @flow
        async def processed() -> None:
            await await_job(credentials, launch_processing(credentials, "failing", tags="ingested"), timeout=PATIENCE)

        with pytest.raises(JobFailedError, match="the lens cap was on"):
            asyncio.run(processed())

    def test_a_cancelled_await_cancels_the_job(
        self, platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials
    ) -> None:
        jobs = []

        @flow
        async def processed() -> None:
            jobs.append(launch_processing(credentials, "patient", tags="ingested"))
            waiting = asyncio.create_task(await_job.fn(credentials, jobs[0], timeout=PATIENCE))
            # An await that was cancelled before its first step would have nothing to cancel.
            await asyncio.to_thread(await_first_look, platform, jobs[0])
            await asyncio.to_thread(await_status, lake, jobs[0], JobStatus.RUNNING)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

        asyncio.run(processed())

        await_status(lake, jobs[0], JobStatus.KILLED)
