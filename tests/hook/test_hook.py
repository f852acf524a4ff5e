"""The hook against a running platform: races, lost answers, wrong credentials, bad arguments."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops import DatalakeHook, RetryPolicy
from datalake_ops.errors import (
    ConfigurationError,
    InvalidQueryError,
    JobFailedError,
    JobKilledError,
    NetworkError,
    NotFoundError,
    UnauthorizedError,
)
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.jobs import JobStatus

QUICK = RetryPolicy(attempts=4, first_delay=0.01, longest_delay=0.05)


@pytest.fixture
def hook(datalake_platform: PlatformServer) -> Iterator[DatalakeHook]:
    lake = datalake_platform.add_lake(f"hook-{uuid4().hex[:8]}")
    datalake_platform.clear_faults()
    with datalake_platform.hook(datalake_id=lake, retry=QUICK) as hook:
        yield hook
    # What a job of one test asks for and writes must not be met by another.
    datalake_platform.clear_faults()
    with datalake_platform.hook(datalake_id=lake) as own:
        for job in own.find_jobs():
            if not job.status.is_terminal:
                own.cancel_job(job)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "car.jpg"
    Image.new("RGB", (64, 48), "red").save(path)
    return path


# Creating by name


@pytest.mark.parametrize("verb", ["get_or_create_data_tag", "get_or_create_data_source"])
def test_many_threads_that_create_one_name_get_one_object(hook: DatalakeHook, verb: str) -> None:
    name = f"raced-{uuid4().hex[:6]}"
    gate = threading.Barrier(8)

    def create() -> object:
        gate.wait()
        return getattr(hook, verb)(name).id

    with ThreadPoolExecutor(8) as pool:
        ids = {future.result() for future in [pool.submit(create) for _ in range(8)]}

    assert len(ids) == 1


def test_a_tag_whose_creation_was_not_answered_is_found(hook: DatalakeHook, datalake_platform: PlatformServer) -> None:
    fault = datalake_platform.script_fault("POST", "/tags$", drop=True)

    tag = hook.create_data_tag("lost")

    assert datalake_platform.faults_met(fault) == 1
    assert [tag] == hook.list_data_tags()


def test_a_tag_name_with_quotes_is_found_again(hook: DatalakeHook, photo: Path) -> None:
    name = 'say "yes" \\ or "no" and more'
    hook.upload_data(photo, tags=[name])

    assert hook.list_data(tags=[name], q='filename = "x" or filename = "car.jpg"')[0].filename == "car.jpg"


# Repeating


def test_reads_are_repeated_until_the_platform_answers(hook: DatalakeHook, datalake_platform: PlatformServer) -> None:
    hook.test_connection()
    fault = datalake_platform.script_fault("GET", "/tags$", status=503, count=2)

    assert hook.list_data_tags() == []
    assert datalake_platform.faults_met(fault) == 2


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


# Jobs


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


# What cannot be


@pytest.mark.parametrize(
    ("change", "stopped_at"),
    [
        ({"host": "http://127.0.0.1:9"}, "Address"),
        ({"api_token": "wrong"}, "Token"),
        ({"organization_id": str(uuid4())}, "Organization"),
        ({"organization_name": "nobody"}, "Organization"),
        ({"datalake_id": str(uuid4())}, "Lake"),
        ({"datalake_name": "puddle"}, "Lake"),
    ],
    ids=str,
)
def test_the_connection_test_names_where_it_stops(
    datalake_platform: PlatformServer, change: dict[str, str], stopped_at: str
) -> None:
    good, message = datalake_platform.hook(retry=QUICK, **change).test_connection()

    assert not good
    assert message.startswith(stopped_at)


def test_the_connection_test_tells_what_it_reached_and_leaves_nothing_behind(
    hook: DatalakeHook, datalake_platform: PlatformServer
) -> None:
    before = sorted(path for path in datalake_platform.home.rglob("*") if path.suffix not in (".log", ".db-wal"))
    good, message = hook.test_connection()

    lake = hook.context.datalake.name
    assert (good, "\n" in message) == (True, False)
    assert f"lake {lake!r}, storage {datalake_platform.url.removeprefix('http://')}." in message
    assert hook.count_data() == 0
    assert (
        sorted(path for path in datalake_platform.home.rglob("*") if path.suffix not in (".log", ".db-wal")) == before
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "starts"),
    [
        ("POST", "presigned_url|object-name|object_name", 503, "Storage: "),
        ("GET", "/datalake$", 403, "Lake: "),
        ("GET", "/home/ping", 503, "Token: "),
    ],
)
def test_the_connection_test_names_the_step_that_fails(
    hook: DatalakeHook, datalake_platform: PlatformServer, method: str, path: str, status: int, starts: str
) -> None:
    datalake_platform.script_fault(method, path, status=status, count=20)

    good, message = hook.test_connection()

    assert not good
    assert message.startswith(starts)


def test_a_token_that_may_only_read_passes_the_connection_test(
    hook: DatalakeHook, datalake_platform: PlatformServer
) -> None:
    datalake_platform.script_fault("POST", "/object", status=403, count=2)

    assert hook.test_connection()[0]
    assert "may read but not upload" in hook.test_connection()[1]


def test_a_storage_that_cannot_be_reached_is_named_without_its_secrets(
    hook: DatalakeHook,
) -> None:
    with pytest.raises(NetworkError, match=r"^127\.0\.0\.1:9 cannot be reached") as caught:
        hook.reach("http://127.0.0.1:9/bucket?signature=secret")

    assert "secret" not in str(caught.value)


def test_a_ca_bundle_that_is_not_there_stops_at_tls(datalake_platform: PlatformServer, tmp_path: Path) -> None:
    good, message = datalake_platform.hook(verify=str(tmp_path / "missing.pem")).test_connection()

    assert not good
    assert message.startswith("TLS: verify names")


def test_files_travel_as_the_connection_says_when_the_call_does_not(
    datalake_platform: PlatformServer, photo: Path
) -> None:
    seconds = {}
    for workers in (1, 4):
        datalake_platform.script_fault("POST", "/datas$", delay=2, count=4)
        with datalake_platform.hook(max_workers=workers) as hook:
            started_at = time.monotonic()
            assert hook.upload([photo] * 4).counts()["UPLOADED"] == 4
            seconds[workers] = time.monotonic() - started_at

    # One at a time, four delays add up; what else an upload takes is in both.
    assert seconds[1] >= 8
    assert seconds[1] - seconds[4] > 2


def test_a_wrong_token_is_told_as_such(datalake_platform: PlatformServer) -> None:
    with pytest.raises(UnauthorizedError, match="token"):
        datalake_platform.hook(api_token="wrong").list_data()


def test_a_host_that_is_down_is_told_as_such() -> None:
    with pytest.raises(NetworkError, match="Check the host"):
        DatalakeHook(host="http://127.0.0.1:9", api_token="t", retry=QUICK).list_data()


def test_unknown_ids_are_not_found(hook: DatalakeHook) -> None:
    with pytest.raises(NotFoundError):
        hook.get_job(uuid4())
    with pytest.raises(NotFoundError):
        hook.get_data(uuid4())
    with pytest.raises(NotFoundError):
        hook.get_processing("no such processing")


def test_bad_query_text_says_where_it_is_wrong(hook: DatalakeHook) -> None:
    with pytest.raises(InvalidQueryError, match="column"):
        hook.list_data(q='filename = "a" nad width > 3')


@pytest.mark.parametrize(
    "arguments",
    [{"limit": 0}, {"offset": -1}, {"ids": ["x"]}, {"ids": [uuid4()], "filenames": ["a"]}],
    ids=str,
)
def test_listings_that_contradict_themselves_are_refused_before_anything_is_sent(
    hook: DatalakeHook, datalake_platform: PlatformServer, arguments: dict[str, object]
) -> None:
    datalake_platform.clear_requests()

    with pytest.raises(ConfigurationError):
        hook.list_data(**arguments)  # type: ignore[arg-type]

    assert not datalake_platform.requests()


def test_find_needs_something_to_look_for(hook: DatalakeHook) -> None:
    with pytest.raises(ConfigurationError, match="filename"):
        hook.find_data()


# Living with it


def test_a_hook_crosses_processes_without_its_connections(hook: DatalakeHook) -> None:
    hook.test_connection()

    copy = pickle.loads(pickle.dumps(hook))

    assert copy.connection == hook.connection
    assert copy.list_data_tags() == []


def test_a_closed_hook_opens_again_when_it_is_used(hook: DatalakeHook) -> None:
    with hook:
        hook.test_connection()

    assert hook.list_data_tags() == []


def test_counting_fetches_no_data(hook: DatalakeHook, photo: Path) -> None:
    hook.upload_data([photo, photo, photo], tags=["three"])

    assert hook.count_data(tags=["three"]) == 3
    assert hook.count_data(q='filename = "nowhere"') == 0


# Changing many data


def test_merged_changes_keep_the_keys_that_they_do_not_name(hook: DatalakeHook, photo: Path) -> None:
    [data] = hook.upload(photo, metadata={"weather": "rain"}, custom_metadata={"shift": "night"}).data

    hook.update_multiple_data({data.id: {"custom_metadata": {"seen": True}, "tags": ["seen"]}}, merge=True)
    merged = hook.get_data(data.id)
    hook.update_multiple_data({data.id: {"custom_metadata": {"only": 1}}})

    assert merged.custom_metadata == {"shift": "night", "seen": True}
    assert (merged.metadata or {})["weather"] == "rain"
    assert [tag.name for tag in merged.tags or ()] == ["seen"]
    assert hook.get_data(data.id).custom_metadata == {"only": 1}


def test_one_import_of_named_objects_is_found_by_its_key(hook: DatalakeHook) -> None:
    key = f"import-{uuid4().hex}"

    [job] = hook.import_cloud_objects(["a.jpg", "b.jpg"], idempotency_key=key)

    assert [found.id for found in hook.find_jobs(idempotency_key=key)] == [job.id]


def test_more_jobs_are_found_than_fit_on_a_page(hook: DatalakeHook, monkeypatch: pytest.MonkeyPatch) -> None:
    label = {"test": uuid4().hex}
    started = [job for _ in range(5) for job in hook.import_cloud_objects(["a.jpg"], labels=label)]
    monkeypatch.setattr("datalake_ops.hook.jobs._PAGE", 2)

    assert [found.id for found in hook.find_jobs(labels=label)] == [job.id for job in reversed(started)]


def test_what_json_has_no_form_for_is_refused_before_anything_is_sent(
    hook: DatalakeHook, datalake_platform: PlatformServer, photo: Path
) -> None:
    [data] = hook.upload(photo).data
    datalake_platform.clear_requests()

    with pytest.raises(ConfigurationError, match="cannot be sent as JSON"):
        hook.update_multiple_data({data.id: {"custom_metadata": {"camera": object()}}})

    assert [one for one in datalake_platform.requests() if one["method"] != "GET"] == []


def test_many_data_are_tagged_some_at_a_time(
    hook: DatalakeHook, datalake_platform: PlatformServer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datalake_ops.hook.tags._TAGGED_AT_ONCE", 2)
    data = [hook.upload(photo).data[0] for _ in range(5)]
    datalake_platform.clear_requests()

    assert hook.add_tags(data, "many") == 5
    assert hook.count_data(tags="many") == 5
    assert sum(request["path"].endswith("/attach") for request in datalake_platform.requests()) == 3
