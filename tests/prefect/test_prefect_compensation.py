"""Inside `with transaction()`: what a run did is undone when something after it fails, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect import flow, task
from prefect.transactions import atransaction, transaction

from datalake_ops.errors import UploadError
from datalake_ops.hook import DatalakeHook
from prefect_tasks import DatalakeCredentials, aupload_data, tag_data, upload_data

pytestmark = pytest.mark.usefixtures("prefect_api")
AnImage = Callable[[str], Path]


@task
def fail() -> None:
    raise RuntimeError("a quality gate")


def test_only_the_data_that_this_run_made_are_deleted(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    lake.upload([an_image("in/old.png")], if_exists="skip")
    folder = an_image("in/new.png").parent

    @flow
    def ingest() -> None:
        with transaction():
            assert upload_data(credentials, folder)["counts"]["UPLOADED"] == 1
            fail()

    with pytest.raises(RuntimeError, match="quality gate"):
        ingest()

    assert [data.filename for data in lake.list_data()] == ["old.png"]


def test_only_the_tags_that_this_run_put_on_are_taken_off(
    lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]
) -> None:
    lake.add_tags(some_data[:1], "good")
    lake.add_tags(some_data[2:], "raw")

    @flow
    def mark() -> None:
        with transaction():
            tag_data(credentials, some_data, add=["good"], remove="raw")
            fail()

    with pytest.raises(RuntimeError, match="quality gate"):
        mark()

    assert [str(one) for one in lake.list_data(tags="good").ids] == some_data[:1]
    assert [str(one) for one in lake.list_data(tags="raw").ids] == some_data[2:]


def test_an_upload_that_fails_itself_takes_back_what_it_made(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage, tmp_path: Path
) -> None:
    @flow
    def ingest() -> None:
        with transaction():
            upload_data(credentials, [an_image("a.png"), tmp_path / "missing.png"])

    with pytest.raises(UploadError):
        ingest()

    assert lake.count_data() == 0


def test_nothing_is_undone_when_all_goes_well_or_outside_a_transaction(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    image, other = an_image("a.png"), an_image("b.png")

    @flow
    def ingest() -> None:
        with transaction():
            upload_data(credentials, image)
        upload_data(credentials, other)
        fail()

    with pytest.raises(RuntimeError, match="quality gate"):
        ingest()

    assert lake.count_data() == 2


def test_nothing_is_undone_in_a_task_that_fails_outside_a_transaction(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage, tmp_path: Path
) -> None:
    images = [an_image("a.png"), an_image("b.png")]

    @task
    def step(then_fails: bool) -> None:
        if then_fails:
            upload_data(credentials, images[0])
            fail()
        upload_data(credentials, [images[1], tmp_path / "missing.png"])

    @flow
    def ingest() -> None:
        for then_fails in (True, False):
            assert step(then_fails, return_state=True).is_failed()

    ingest()

    assert lake.count_data() == 2


def test_a_task_that_fails_inside_a_transaction_is_undone(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    image = an_image("a.png")

    @task
    def step() -> None:
        assert upload_data(credentials, image)["counts"]["UPLOADED"] == 1
        fail()

    @flow
    def ingest() -> None:
        with transaction(key=f"ingest-{image}"):
            step.submit().result()

    with pytest.raises(RuntimeError, match="quality gate"):
        ingest()

    assert lake.count_data() == 0


def test_async_tasks_are_undone_too(lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage) -> None:
    image = an_image("a.png")

    @flow
    async def ingest() -> None:
        async with atransaction():
            assert (await aupload_data(credentials, image))["counts"]["UPLOADED"] == 1
            raise RuntimeError("a quality gate")

    with pytest.raises(RuntimeError, match="quality gate"):
        asyncio.run(ingest())

    assert lake.count_data() == 0
