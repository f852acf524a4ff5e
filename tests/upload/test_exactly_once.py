"""`if_exists`: what is there already, by name and content, is not sent again."""

from __future__ import annotations

import hashlib
import logging
import shutil
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.client.operation import Operation, raw
from datalake_ops.errors import ConfigurationError, UploadError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.wire import routes
from tests.upload.pictures import a_picture, a_text_named_jpg

KEY = "content_sha256"


def pictures(folder: Path, count: int) -> list[Path]:
    return [a_picture(folder / f"{number:04}.png", (10 + number % 90, 20 + number // 90)) for number in range(count)]


def statuses(report: Any) -> list[str]:
    return [str(row.status) for row in report.files]


def looks(server: PlatformServer) -> list[dict[str, Any]]:
    return [request for request in server.requests() if request["method"] == "XGET"]


def sent(server: PlatformServer) -> list[str]:
    return [request["path"] for request in server.requests() if request["method"] in ("POST", "PATCH", "DELETE")]


def forbid_extra_keys(hook: DatalakeHook) -> None:
    path = routes.METADATA_SCHEMA.format(datalake=hook.context.datalake.id)
    hook.send(Operation("PATCH", path, raw, body={"allow_extra_custom_metadata": False}))


def configure_key(hook: DatalakeHook, key: str, **rule: Any) -> None:
    path = routes.METADATA_SCHEMA_KEY.format(datalake=hook.context.datalake.id, key=key)
    hook.send(Operation("POST", path, raw, body={"input_type": "STRING", "required": False, **rule}))


def test_a_second_run_sends_nothing_and_gives_the_data_of_the_first(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    paths = pictures(tmp_path, 1100)
    first = lake.upload(paths, tags=["t"], if_exists="skip")
    datalake_platform.clear_requests()

    second = lake.upload(paths, tags=["t"], if_exists="skip")

    assert first.counts()["UPLOADED"] == 1100
    assert second.counts()["SKIPPED"] == 1100
    assert [row.data.id for row in second.files] == [row.data.id for row in first.files]
    assert len(looks(datalake_platform)) <= ceil(1100 / 1000)
    assert sent(datalake_platform) == []
    assert second.bytes == 0
    assert lake.count_data() == 1100


def test_the_content_is_kept_beside_the_caller_s_own_metadata(lake: DatalakeHook, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "a.png")

    [data] = lake.upload(path, custom_metadata={"line": 3}, if_exists="skip", content_key="sum").data

    assert data.custom_metadata == {"line": 3, "sum": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_the_seed_s_way_keeps_no_content(lake: DatalakeHook, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "a.png")

    [data] = lake.upload(path).data

    assert not data.custom_metadata
    assert statuses(lake.upload(path)) == ["UPLOADED"]
    assert lake.count_data() == 2


def test_a_file_that_changed_between_the_runs_is_a_new_one(lake: DatalakeHook, tmp_path: Path) -> None:
    same, changed = pictures(tmp_path, 2)
    first = lake.upload([same, changed], if_exists="skip")
    a_picture(changed, (33, 44))

    second = lake.upload([same, changed], if_exists="skip")

    assert statuses(second) == ["SKIPPED", "UPLOADED"]
    assert second.files[1].data.id != first.files[1].data.id
    assert lake.count_data() == 3


def test_another_name_for_the_same_content_is_another_file(lake: DatalakeHook, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "a.png")
    copy = Path(shutil.copy(path, tmp_path / "b.png"))
    lake.upload(path, if_exists="skip")

    assert statuses(lake.upload(copy, if_exists="skip")) == ["UPLOADED"]


def test_the_same_file_twice_in_one_run_becomes_one_data(lake: DatalakeHook, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "one" / "a.png")
    (tmp_path / "two").mkdir()
    copy = shutil.copy(path, tmp_path / "two" / "a.png")

    report = lake.upload([path, path, copy], if_exists="skip")

    assert sorted(statuses(report)) == ["SKIPPED", "SKIPPED", "UPLOADED"]
    assert len(set(report.data.ids)) == 1
    assert lake.count_data() == 1


def test_a_path_given_twice_with_a_journal_is_two_data_in_every_run(lake: DatalakeHook, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "a.png")

    first = lake.upload([path, path], journal=tmp_path / "journal.db")
    second = lake.upload([path, path, path], journal=tmp_path / "journal.db")

    assert statuses(first) == ["UPLOADED"] * 2
    assert statuses(second) == ["SKIPPED", "SKIPPED", "UPLOADED"]
    assert [row.data.id for row in second.files][:2] == [row.data.id for row in first.files]
    assert lake.count_data() == 3


@pytest.mark.parametrize("options", [{"if_exists": "skip"}, {"journal": "journal.db"}], ids=["compared", "journal"])
def test_odd_names_are_known_again(lake: DatalakeHook, tmp_path: Path, options: dict[str, str]) -> None:
    names = [
        "new\nline.png",
        "quo\"te's.png",
        "été 日本 🚗.png",
        "n" * 251 + ".png",
        "e\u0301.png",
        "\u00e9.png",
        "%2F.png",
    ]
    paths = [a_picture(tmp_path / name) for name in names]
    if "journal" in options:
        options = {"journal": str(tmp_path / options["journal"])}

    first, second = (lake.upload(paths, **options) for _ in range(2))

    assert statuses(first) == ["UPLOADED"] * len(names)
    assert statuses(second) == ["SKIPPED"] * len(names)
    assert sorted(one.filename for one in lake.iter_data()) == sorted(names)


def test_a_twin_goes_when_the_first_one_fails(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    path = a_picture(tmp_path / "a.png")
    refused = datalake_platform.script_fault("POST", "/datas$", status=400, count=1)

    report = lake.upload([path, path], if_exists="skip")

    assert datalake_platform.faults_met(refused) == 1
    assert sorted(statuses(report)) == ["FAILED", "UPLOADED"]
    assert lake.count_data() == 1


def test_error_says_which_data_is_there(lake: DatalakeHook, tmp_path: Path) -> None:
    old, new = pictures(tmp_path, 2)
    [data] = lake.upload(old, if_exists="skip").data

    report = lake.upload([old, new], if_exists="error")

    assert statuses(report) == ["FAILED", "UPLOADED"]
    assert isinstance(report.files[0].error, UploadError)
    assert f"in the lake already, as data {data.id}" in str(report.files[0].error)
    assert report.failed.paths == [str(old)]


def test_a_skipped_data_gets_the_tags_it_lacks_with_one_call_a_tag(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    paths = pictures(tmp_path, 5)
    lake.upload(paths, tags=["old"], if_exists="skip")
    for name in ("new", "other"):
        lake.get_or_create_data_tag(name)
    datalake_platform.clear_requests()

    report = lake.upload(paths, tags=["old", "new", "other"], if_exists="skip")

    assert statuses(report) == ["SKIPPED"] * 5
    assert len([path for path in sent(datalake_platform) if path.endswith("/attach")]) == 2
    for data in lake.iter_data():
        assert sorted(tag.name for tag in data.tags or ()) == ["new", "old", "other"]


def test_a_skipped_data_that_could_not_be_tagged_is_told(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    path = a_picture(tmp_path / "a.png")
    lake.upload(path, if_exists="skip")
    datalake_platform.script_fault("POST", "/attach$", status=403)

    report = lake.upload(path, tags=["new"], if_exists="skip")

    assert statuses(report) == ["FAILED"]
    assert "could not be tagged" in str(report.files[0].error)


def test_a_file_that_the_platform_cannot_read_is_not_sent_again(lake: DatalakeHook, tmp_path: Path) -> None:
    path = a_text_named_jpg(tmp_path / "text.jpg")
    first = lake.upload(path, if_exists="skip")

    second = lake.upload(path, if_exists="skip")

    assert statuses(first) == statuses(second) == ["UNPROCESSABLE"]
    assert lake.count_data() == 1


def test_a_look_up_that_fails_sends_nothing_and_says_why(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    datalake_platform.script_fault("XGET", "/datas$", status=403)

    report = lake.upload(pictures(tmp_path, 2), if_exists="skip")

    assert statuses(report) == ["FAILED"] * 2
    assert "could not be asked" in str(report.files[0].error)
    assert lake.count_data() == 0


def test_a_schema_without_room_for_the_content_is_refused_before_anything_is_sent(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    forbid_extra_keys(lake)
    datalake_platform.clear_requests()

    with pytest.raises(ConfigurationError, match=r"no place for 'content_sha256'.*journal="):
        lake.upload(a_picture(tmp_path / "a.png"), if_exists="skip")

    assert sent(datalake_platform) == []


def test_a_schema_without_room_leaves_it_to_the_journal_and_says_so_once(
    lake: DatalakeHook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forbid_extra_keys(lake)
    paths = pictures(tmp_path, 4)
    options: dict[str, Any] = {"if_exists": "skip", "journal": tmp_path / "journal.db"}

    with caplog.at_level(logging.WARNING):
        first = lake.upload(paths, **options)
        told = [record for record in caplog.records if "only the journal tells" in record.message]
        second = lake.upload(paths, **options)

    assert len(told) == 1
    assert statuses(first) == ["UPLOADED"] * 4
    assert not first.data[0].custom_metadata
    assert statuses(second) == ["SKIPPED"] * 4
    assert lake.count_data() == 4


def test_a_schema_that_names_the_key_takes_it(lake: DatalakeHook, tmp_path: Path) -> None:
    forbid_extra_keys(lake)
    configure_key(lake, KEY)
    path = a_picture(tmp_path / "a.png")

    assert statuses(lake.upload(path, if_exists="skip")) == ["UPLOADED"]
    assert statuses(lake.upload(path, if_exists="skip")) == ["SKIPPED"]


def test_a_key_that_the_schema_requires_has_to_be_given_with_the_content(lake: DatalakeHook, tmp_path: Path) -> None:
    configure_key(lake, "line", required=True)
    with_line, without = pictures(tmp_path, 2)

    report = lake.upload([with_line, without], custom_metadata=[{"line": "3"}, None], if_exists="skip")

    assert statuses(report) == ["UPLOADED", "FAILED"]
    assert "requires custom_metadata.line" in str(report.files[1].error)


def test_a_content_key_of_the_caller_s_own_is_not_overwritten(lake: DatalakeHook, tmp_path: Path) -> None:
    [row] = lake.upload(a_picture(tmp_path / "a.png"), custom_metadata={KEY: "mine"}, if_exists="skip").files

    assert "choose another content_key" in str(row.error)


@pytest.mark.parametrize("fault", [{"drop": True}, {"drop_before": True}, {"status": 500}, {"status": 504}])
def test_a_lost_answer_to_the_registration_makes_one_data(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, fault: dict[str, Any]
) -> None:
    scripted = datalake_platform.script_fault("POST", "/datas$", count=2, **fault)

    report = lake.upload(pictures(tmp_path, 3), if_exists="skip", journal=tmp_path / "journal.db")

    assert datalake_platform.faults_met(scripted) == 2
    assert statuses(report) == ["UPLOADED"] * 3
    assert sorted(report.data.ids) == sorted(one.id for one in lake.iter_data())


@pytest.mark.parametrize("word", ["Skip", "", "never"])
def test_an_unknown_word_is_refused(lake: DatalakeHook, tmp_path: Path, word: str) -> None:
    with pytest.raises(ConfigurationError, match="skip, upload or error"):
        lake.upload(tmp_path / "a.png", if_exists=word)


def test_a_data_that_was_doubled_before_is_told_when_it_is_skipped(lake: DatalakeHook, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "a.png")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    both = [lake.upload(path, custom_metadata={KEY: digest}).data[0].id for _ in range(2)]

    report = lake.upload(path, if_exists="skip")

    [row] = report.doubled
    assert {row.data.id, *row.doubles} == set(both)  # type: ignore[union-attr]
    assert "1 files are in the lake more than once" in report.notes[0]
