"""How a task comes by its job: which earlier one it takes up, on platforms that keep much of jobs or nothing."""

from __future__ import annotations

import pytest

from airflow_provider.compat import AirflowSkipException
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.server import PlatformServer
from datalake_ops.wire.jobs import JobStatus
from tests.airflow.task_tries import Store, Work

pytestmark = pytest.mark.usefixtures("some_data")
RUNNING, KILLED = JobStatus.RUNNING, JobStatus.KILLED


def test_a_retry_takes_up_the_job_without_looking_for_its_data_again(work: Work, lake: DatalakeHook) -> None:
    first = work.start()
    lake.remove_tags(lake.list_data(tags="demo"), ["demo"])

    assert work.start(try_number=2) == first
    with pytest.raises(AirflowSkipException):
        work.start(try_number=1, max_tries=9)


def test_the_links_to_lake_and_data_are_there_as_soon_as_the_job_is(work: Work, lake: DatalakeHook) -> None:
    ids = [str(data.id) for data in lake.list_data(tags="demo")]

    work.start(tags=None, data_ids=ids)

    named = ",".join(f'"{one}"' for one in ids)
    assert work.xcoms["_link_JobLink"] == lake.job_url(work.jobs()[0])
    assert work.xcoms["_link_DatalakeLink"] == lake.datalake_url()
    assert work.xcoms["_link_DataLink"] == lake.datalake_url(f"id in ({named})")
    assert len(lake.list_data(q=f"id in ({named})")) == len(ids)


def test_a_retry_starts_a_new_job_for_one_that_an_earlier_try_had_killed(work: Work, lake: DatalakeHook) -> None:
    first = work.start()
    lake.cancel_job(first)

    second = work.start(try_number=2)

    assert second != first
    assert work.start(try_number=3) == second
    work.wait_for(RUNNING, KILLED)


def test_a_cleared_task_cancels_what_it_left_running_and_starts_one_more(work: Work) -> None:
    work.start()

    work.start(try_number=2, max_tries=4)

    work.wait_for(RUNNING, KILLED)


def test_a_cleared_task_leaves_its_earlier_job_when_kills_leave_jobs(work: Work) -> None:
    work.start(on_kill="leave")

    work.start(try_number=2, max_tries=4, on_kill="leave")

    work.wait_for(RUNNING, RUNNING)


def test_keys_alone_are_enough_to_find_the_job_again(work: Work, platform: PlatformServer) -> None:
    platform.withhold("job-labels")
    first = work.start()

    assert work.start(try_number=2) == first


def test_without_keys_and_labels_airflows_state_store_tells_the_job(
    work: Work, platform: PlatformServer, lake: DatalakeHook
) -> None:
    platform.withhold("job-labels", "idempotency-key")
    work.store = Store()
    first = work.start()

    assert work.start(try_number=2) == first
    lake.cancel_job(first)
    second = work.start(try_number=3)
    third = work.start(try_number=4, max_tries=9)

    assert len({first, second, third}) == 3
    assert lake.get_job(second).status is KILLED
    lake.cancel_job(third)


def test_without_any_memory_a_retry_starts_a_second_job_and_says_so(
    work: Work, platform: PlatformServer, lake: DatalakeHook, caplog: pytest.LogCaptureFixture
) -> None:
    platform.withhold("job-labels", "idempotency-key")

    first, second = work.start(), work.start(try_number=2)

    assert first != second
    assert "a repeated launch starts a second job" in caplog.text
    for job in (first, second):
        lake.cancel_job(job)
