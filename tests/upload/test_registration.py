"""A platform that would happily make the same thing twice: only the client can keep it from doing so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.reporting.report import FileStatus
from tests.upload.conftest import IMPATIENT
from tests.upload.pictures import a_picture
from tests.upload.witness import Answer, Request, Witness, an_id


@pytest.fixture
def hook(witness: Witness) -> Iterator[DatalakeHook]:
    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as one:
        yield one


@pytest.mark.parametrize(
    "answer",
    [
        Answer(cut=True),
        Answer(502, b"<html>bad gateway</html>"),
        Answer(200, b"<html>a proxy</html>"),
        Answer(409, {"message": "known"}),
    ],
    ids=["cut", "502", "proxy page", "conflict"],
)
def test_a_data_whose_answer_was_lost_is_found_and_not_made_again(
    witness: Witness, hook: DatalakeHook, tmp_path: Path, answer: Answer
) -> None:
    made: list[Answer] = []

    def lose(request: Request) -> Answer | None:
        if request.method == "POST" and request.path.endswith("/datas"):
            made.append(Answer(200, witness.usual(request).body))
            return answer
        return made[-1] if made and request.path.endswith("/datas/find") else None

    witness.script = lose

    [row] = hook.upload(a_picture(tmp_path / "a.png")).files

    assert row.status is FileStatus.UPLOADED
    assert row.data is not None
    assert str(row.data.id) == made[0].body["id"]
    assert len(witness.seen("POST", "/datas$")) == 1
    [look] = witness.seen("GET", "/datas/find$")
    assert ("object_name", "object-of-a.png") in look.query


def test_a_resumed_file_that_was_registered_after_all_is_found_and_not_made_again(
    witness: Witness, hook: DatalakeHook, tmp_path: Path
) -> None:
    path, journal = a_picture(tmp_path / "a.png"), tmp_path / "journal.db"
    known: list[Answer] = []

    def lose(request: Request) -> Answer | None:
        if request.method == "POST" and request.path.endswith("/datas"):
            return Answer(cut=True)
        return known[-1] if known and request.path.endswith("/datas/find") else None

    witness.script = lose
    first = hook.upload(path, journal=journal)
    [sent, *_] = witness.seen("POST", "/datas$")
    known.append(Answer(200, witness.usual(sent).body))
    witness.requests.clear()

    second = hook.upload(path, journal=journal)

    assert first.files[0].status is FileStatus.FAILED
    assert second.files[0].status is FileStatus.SKIPPED
    assert [request.path for request in witness.seen("POST", ".*")] == []


def test_a_projection_whose_answer_was_lost_is_found_and_not_made_again(
    witness: Witness, hook: DatalakeHook, tmp_path: Path
) -> None:
    data_id = an_id("data")
    made: list[dict[str, object]] = [{"id": an_id("other"), "compute_status": "DONE", "object_name": "other"}]

    def lose(request: Request) -> Answer | None:
        if not request.path.endswith(f"/api/data/{data_id}/projections"):
            return None
        if request.method == "GET":
            return Answer(200, {"items": made})
        made.append({"id": an_id("mine"), "compute_status": "DONE", "object_name": request.json["object_name"]})
        return Answer(cut=True)

    witness.script = lose
    [data] = hook.upload(a_picture(tmp_path / "a.png")).data
    data = data.model_copy(update={"id": data_id})

    projection = hook.create_projection(data, "p", a_picture(tmp_path / "p.png"))

    assert str(projection.id) == an_id("mine")
    assert len(witness.seen("POST", "/projections$")) == 1
