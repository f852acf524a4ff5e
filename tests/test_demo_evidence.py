"""What the demo says of a pipeline: the files of a person's own that were not taken, and the task that failed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.demo import screen
from datalake_ops.demo.evidence import gather
from datalake_ops.demo.failure import failure_text
from datalake_ops.demo.not_taken import NotTaken, file_refused
from datalake_ops.demo.outcome import PipelineOutcome
from datalake_ops.demo.photographs import Hand, deal
from datalake_ops.demo.worlds import World
from datalake_ops.hook import DatalakeHook
from datalake_ops.pictures import formats
from datalake_ops.testing import PlatformServer


@pytest.fixture
def hook(datalake_platform: PlatformServer) -> Iterator[DatalakeHook]:
    name = f"demo-{uuid4().hex[:8]}"
    with datalake_platform.hook(datalake_id=datalake_platform.add_lake(name)) as hook:
        yield hook


@pytest.fixture
def hand(hook: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path) -> Hand:
    """Six files, dealt and sent as the pipelines do: four pictures, two of them the same, an empty and a cut one."""
    Image.effect_noise((64, 48), 80).save(tmp_path / "001-a.jpg")
    (tmp_path / "002-a.jpg").write_bytes((tmp_path / "001-a.jpg").read_bytes())
    (tmp_path / "003-cut.jpg").write_bytes((tmp_path / "001-a.jpg").read_bytes()[:900])
    (tmp_path / "004-empty.jpg").touch()
    Image.effect_noise((32, 24), 80).save(tmp_path / "005-b.png")
    Image.effect_noise((24, 32), 80).save(tmp_path / "006-c.png")
    prepared = sorted(tmp_path.glob("*.*"))
    hand = deal(prepared, hook.context.datalake.name, tmp_path / "folder", datalake_platform.bucket)
    hook.upload(hand.folder, if_exists="skip")
    hook.wait_for_job(hook.import_bucket_objects([hand.prefix]), timeout=240)
    return hand


def test_a_file_of_ones_own_that_was_not_taken_is_told_with_its_reason(hook: DatalakeHook, hand: Hand) -> None:
    evidence = gather(hook, hand, [], is_users=True)

    assert evidence.problems == ()
    cut, empty = sorted(evidence.not_taken, key=lambda one: one.name)
    assert (cut.name, empty) == ("cut.jpg", NotTaken("empty.jpg", "has no bytes"))
    assert cut.reason.startswith("the image cannot be decoded")


@pytest.fixture
def _without_heic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment without the extra `heic`."""
    kept = (formats._installed, formats.readable_types)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


@pytest.mark.usefixtures("_without_heic")
def test_a_format_that_an_extra_would_read_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "001-phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))

    refused = file_refused(tmp_path / "001-phone.heic", None)

    assert refused.name == "phone.heic"
    assert "pip install 'datalake-ops[heic]'" in refused.reason


def test_a_shipped_photograph_that_was_not_taken_is_a_problem(hook: DatalakeHook, hand: Hand) -> None:
    hook.delete_data(hook.find_data(filename="005-b.png"))
    hook.upload(hand.files[0], if_exists="upload")

    problems = gather(hook, hand, []).problems

    assert len(problems) == 4
    assert problems[0] == "1 data of the lake were never sent"
    assert any(one.startswith("b.png was not taken") for one in problems)


def test_the_table_has_a_row_of_what_was_not_taken(
    hook: DatalakeHook, hand: Hand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = gather(hook, hand, [], is_users=True)
    done = [PipelineOutcome(World(title, title, tmp_path, tmp_path), hand, 1.0, evidence) for title in ("one", "two")]

    screen.results(done, [NotTaken("notes.txt", "is no picture by its name")])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["not", "taken", "3", "3"] in lines
    assert ["1", "empty.jpg", "has", "no", "bytes"] in lines
    assert ["1", "notes.txt", "is", "no", "picture", "by", "its", "name"] in lines


AIRFLOW = """\
2026-11-30T14:30:40.1Z [info     ] [DAG TEST] starting task_id=upload map_index=-1 [airflow.sdk.definitions.dag]
2026-11-30T14:31:08.6Z [error    ] Task failed with exception     [task] loc=task_runner.py:1676
Traceback (most recent call last):
  File "task_runner.py", line 1579, in _run_task_and_map_outcome
    result = _execute_task(context=context, ti=ti, log=log)
{error}
2026-11-30T14:31:08.6Z [info     ] ::group::Post Execute          [task] loc=task_runner.py:1677
2026-11-30T14:31:08.9Z [info     ] [DAG TEST] starting task_id=import_bucket map_index=-1 [airflow.sdk.definitions.dag]
2026-11-30T14:31:09.5Z [error    ] Asset not found                [airflow.sdk.api.client] detail={{'reason': 'no'}}
DagRun failed
"""
PREFECT = """\
14:32:32.395 | ERROR   | Task run 'upload_data /tmp/pics tags=demo' - /tmp/pics/cut.jpg was stored as data 01a2
14:32:32.618 | ERROR   | Task run 'upload_data /tmp/pics tags=demo' - Finished in state Failed('{error}')
14:32:32.960 | INFO    | Flow run 'ebony-emu' - Finished in state Failed('Flow run encountered an exception: ...')
Traceback (most recent call last):
  File "ingest_and_process.py", line 52, in <module>
datalake_ops.errors.UploadError: 1 of 2 files were not uploaded: a.jpg is empty
14:32:33.006 | INFO    | prefect - Stopping temporary server on http://127.0.0.1:8986
"""


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            AIRFLOW.format(error="datalake_ops.errors.IncompleteUploadError: 2 of 15 files were not uploaded: a.jpg"),
            "It: the task upload failed: 2 of 15 files were not uploaded: a.jpg",
        ),
        (AIRFLOW.format(error="KeyError: 'folder'"), "It: the task upload failed: KeyError: 'folder'"),
        (
            PREFECT.format(
                error="Task run encountered an exception UploadError: 1 of 2 files were not uploaded: a.jpg"
            ),
            "It: the task upload_data failed: 1 of 2 files were not uploaded: a.jpg",
        ),
        (
            "Traceback (most recent call last):\n  File\nOSError: no space left\n",
            "It ended with exit code 3: OSError: no",
        ),
        ("one\ntwo\n\n", "It ended with exit code 3: two"),
        ("", "It ended with exit code 3: it wrote nothing"),
        (AIRFLOW.format(error="ValueError: " + "x" * 1000), f"It: the task upload failed: ValueError: {'x' * 388} ..."),
    ],
)
def test_a_failure_is_one_sentence_with_its_task_and_reason(log: str, said: str) -> None:
    found = failure_text("It", log, 3)

    assert found.startswith(said)
    assert "\n" not in found
