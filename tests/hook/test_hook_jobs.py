"""Jobs through the hook against a running platform: lost answers, look-ups, failures, waits."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops import DatalakeHook, RetryPolicy
from datalake_ops.errors import (
    JobFailedError,
    JobKilledError,
)
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.jobs import JobStatus

QUICK = RetryPolicy(attempts=4, first_delay=0.01, longest_delay=0.05)


def test_a_launch_whose_answer_was_lost_is_one_job(
    hook: DatalakeHook, datalake_platform: PlatformServer, photo: Path
) -> None:
    data = hook.upload_data(photo)
    fault = datalake_platform.script_fault("POST", "/processing/launch$", drop=True)
    label = {"test": uuid4().hex}

    job = hook.launch_processing("quality-tagging", [data], labels=label)

    assert datalake_platform.faults_met(fault) == 1
    assert [found.id for found in hook.find_jobs(labels=label)] == [job.id]
    assert hook.wait_for_job(job, timeout=240).status is JobStatus.SUCCEEDED


def test_two_launches_with_one_key_are_one_job(hook: DatalakeHook, photo: Path) -> None:
    data = hook.upload_data(photo)
    key = uuid4().hex

    first, second = (hook.launch_processing("quality-tagging", [data], idempotency_key=key) for _ in range(2))

    assert first.id == second.id


def test_a_failed_job_raises_with_the_last_lines_of_its_log(hook: DatalakeHook, photo: Path) -> None:
    data = hook.upload_data(photo)
    job = hook.launch_processing("thumbnails", [data], {"max_side": -1})

    with pytest.raises(JobFailedError, match="max_side") as caught:
        hook.wait_for_job(job, timeout=240)

    assert caught.value.job is not None
    assert caught.value.log
    assert str(job.id) in str(caught.value.url)


def test_a_cancelled_job_is_killed_and_cancelling_again_changes_nothing(hook: DatalakeHook, photo: Path) -> None:
    data = hook.upload_data(photo)
    job = hook.launch_processing("quality-tagging", [data])

    hook.cancel_job(job)
    ended = hook.wait_for_job(job, timeout=240, raise_on_failure=False)

    assert ended.status in (JobStatus.KILLED, JobStatus.SUCCEEDED)
    assert hook.cancel_job(job).status is ended.status
    if ended.status is JobStatus.KILLED:
        with pytest.raises(JobKilledError):
            hook.wait_for_job(job)


@pytest.mark.parametrize("offered", [True, False])
def test_many_jobs_are_asked_for_at_once_and_unknown_ids_are_absent(
    hook: DatalakeHook, datalake_platform: PlatformServer, photo: Path, offered: bool
) -> None:
    data = hook.upload_data(photo)
    jobs = {hook.launch_processing("quality-tagging", [data]).id for _ in range(3)}
    for job in jobs:
        # A program that runs asks the platform too.
        hook.cancel_job(job)
    if not offered:
        hook._lake._context = replace(hook.context, extensions=frozenset())
    datalake_platform.clear_requests()

    found = hook.get_jobs([*jobs, uuid4()])

    assert set(found) == jobs
    assert len(datalake_platform.requests()) == (1 if offered else 4)


def test_a_wait_goes_on_while_the_platform_is_away(hook: DatalakeHook, tmp_path: Path) -> None:
    with PlatformServer(home=tmp_path / "home") as server:
        own = server.hook(retry=QUICK)
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
        job = own.launch_processing("quality-tagging", [own.upload_data(tmp_path / "a.png")])
        server.kill()
        back = threading.Timer(1.0, server.start)
        back.start()

        ended = own.wait_for_job(job, timeout=240, poll_interval=0.3)

        back.join()
        assert ended.status is JobStatus.SUCCEEDED


def test_one_import_of_named_objects_is_found_by_its_key(hook: DatalakeHook) -> None:
    key = f"import-{uuid4().hex}"

    [job] = hook.import_cloud_objects(["a.jpg", "b.jpg"], idempotency_key=key)

    assert [found.id for found in hook.find_jobs(idempotency_key=key)] == [job.id]


def test_more_jobs_are_found_than_fit_on_a_page(hook: DatalakeHook, monkeypatch: pytest.MonkeyPatch) -> None:
    label = {"test": uuid4().hex}
    started = [job for _ in range(5) for job in hook.import_cloud_objects(["a.jpg"], labels=label)]
    monkeypatch.setattr("datalake_ops.hook.jobs._PAGE", 2)

    assert [found.id for found in hook.find_jobs(labels=label)] == [job.id for job in reversed(started)]
