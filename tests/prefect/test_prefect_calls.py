"""Calls of tasks in a flow run: a retry or resume of a call meets its own job, another call is another launch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner

from datalake_ops.errors import JobFailedError
from datalake_ops.hook import DatalakeHook
from prefect_tasks import (
    DatalakeCredentials,
    create_projection,
    launch_processing,
    upload_data,
    wait_for_job,
)

pytestmark = pytest.mark.usefixtures("prefect_api", "processings", "some_data")
SECONDS = 240.0
AnImage = Callable[[str], Path]


class TestAnotherCall:
    def test_each_turn_of_a_loop_launches_a_job_of_its_own(self, credentials: DatalakeCredentials) -> None:
        @flow
        def processed() -> list[str]:
            return [launch_processing(credentials, "thumbnails", tags="ingested") for _ in range(2)]

        one, two = processed()

        assert one != two

    def test_each_turn_of_a_loop_uploads_what_is_new(
        self, lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
    ) -> None:
        folder = an_image("in/a.png").parent

        @flow
        def uploaded() -> list[int]:
            first = upload_data(credentials, folder)
            an_image("in/b.png")
            return [first["counts"]["UPLOADED"], upload_data(credentials, folder)["counts"]["UPLOADED"]]

        assert uploaded() == [1, 1]
        assert lake.count_data(q='filename = "b.png"') == 1

    def test_an_upload_that_is_to_be_made_once_more_is_made(
        self, lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
    ) -> None:
        image = an_image("twice.png")

        @flow
        def uploaded() -> None:
            for _ in range(2):
                upload_data(credentials, image, if_exists="upload")

        uploaded()

        assert lake.count_data(q='filename = "twice.png"') == 2

    def test_calls_with_one_key_are_one_call_and_the_log_says_so(
        self, credentials: DatalakeCredentials, some_data: list[str], an_image: AnImage,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        mask = an_image("mask.png")

        @flow
        def processed() -> list[Any]:
            jobs = [launch_processing(credentials, "thumbnails", some_data, key="nightly") for _ in range(2)]
            masks = [create_projection(credentials, some_data[0], "mask", mask, key="mask")["id"] for _ in range(2)]
            return [len(set(jobs)), len(set(masks))]

        with caplog.at_level(logging.INFO):
            assert processed() == [1, 1]

        assert "launch_processing is answered by the result of an earlier try or call" in caplog.text


class TestOtherProcesses:
    def test_a_call_in_another_process_and_an_equal_one_here_are_jobs_of_their_own(
        self, credentials: DatalakeCredentials
    ) -> None:
        tries: list[list[str]] = []

        # One worker: each start of one costs seconds.
        @flow(task_runner=ProcessPoolTaskRunner(max_workers=1), retries=1)
        def processed() -> list[str]:
            submitted = launch_processing.submit(credentials, "thumbnails", tags="ingested").result()
            tries.append([submitted, launch_processing(credentials, "thumbnails", tags="ingested")])
            if len(tries) == 1:
                raise RuntimeError("the flow is tried again")
            return tries[-1]

        jobs = processed()

        # A retry meets each of them.
        assert tries == [jobs, jobs]
        assert len(set(jobs)) == 2


class TestRetries:
    def test_a_job_that_empties_its_own_filter_is_met_again_by_a_retried_flow(
        self, lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        jobs = []

        @flow(retries=1)
        def processed() -> None:
            jobs.append(launch_processing(credentials, "thumbnails", tags="ingested"))
            if len(jobs) == 1:
                lake.remove_tags(some_data, "ingested")
                raise RuntimeError("after the launch")

        with caplog.at_level(logging.INFO):
            processed()

        assert jobs[0] == jobs[1]
        assert "was started before by this call" in caplog.text

    def test_a_retried_flow_meets_each_job_of_its_loop(self, credentials: DatalakeCredentials) -> None:
        tries: list[list[str]] = []

        @flow(retries=1)
        def processed() -> None:
            tries.append([launch_processing(credentials, "thumbnails", tags="ingested") for _ in range(2)])
            if len(tries) == 1:
                raise RuntimeError("after the launches")

        processed()

        assert len(set(tries[0])) == 2
        assert tries[0] == tries[1]

    def test_a_retried_task_around_launch_and_wait_replaces_the_job_that_failed(
        self, credentials: DatalakeCredentials
    ) -> None:
        jobs = []

        @task(retries=2)
        def processed_once() -> None:
            jobs.append(launch_processing(credentials, "failing", tags="ingested"))
            wait_for_job(credentials, jobs[-1], SECONDS)

        @flow
        def processed() -> None:
            processed_once()

        with pytest.raises(JobFailedError):
            processed()

        assert len(set(jobs)) == len(jobs) == 3

    def test_a_retried_task_around_a_launch_meets_its_job_while_that_runs(
        self, credentials: DatalakeCredentials
    ) -> None:
        jobs: dict[str, list[str]] = {"first": [], "second": []}

        @task(retries=1)
        def launched(name: str) -> None:
            jobs[name].append(launch_processing(credentials, "patient", tags="ingested"))
            if len(jobs[name]) == 1:
                raise RuntimeError("after the launch")

        @flow
        def processed() -> None:
            for name in jobs:
                launched(name)

        processed()

        (one, same), (two, same_again) = jobs.values()
        assert (one, two) == (same, same_again)
        assert one != two

    def test_tasks_in_tasks_keep_their_jobs_whichever_is_retried(self, credentials: DatalakeCredentials) -> None:
        jobs: list[str] = []

        @task
        def inner() -> None:
            jobs.append(launch_processing(credentials, "patient", tags="ingested"))

        @task(retries=1)
        def outer() -> None:
            inner()
            if len(jobs) == 1:
                raise RuntimeError("after the launch")

        @flow(retries=1)
        def processed() -> None:
            outer()
            if len(jobs) == 2:
                raise RuntimeError("after the tasks")

        processed()

        assert len(jobs) == 3
        assert len(set(jobs)) == 1

    def test_a_job_that_failed_is_replaced_by_the_next_try_of_the_flow_after_retries_of_a_task(
        self, credentials: DatalakeCredentials
    ) -> None:
        jobs = []

        @task(retries=1)
        def processed_once() -> None:
            jobs.append(launch_processing(credentials, "failing", tags="ingested"))
            wait_for_job(credentials, jobs[-1], SECONDS)

        @flow(retries=1)
        def processed() -> None:
            processed_once()

        with pytest.raises(JobFailedError):
            processed()

        assert len(set(jobs)) == len(jobs) == 4

    def test_a_retried_flow_does_not_make_a_second_projection(
        self, lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str], an_image: AnImage
    ) -> None:
        tries = []
        mask = an_image("mask.png")

        @flow(retries=1)
        def masked() -> None:
            tries.append([create_projection(credentials, some_data[0], "mask", mask)["id"] for _ in range(2)])
            if len(tries) == 1:
                raise RuntimeError("after the projections")

        masked()

        assert tries[0] == tries[1]
        assert len(lake.list_projections(some_data[0])) == 2
