"""One object name for one content, and what happens where a platform does not take it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.dedup.content_address import content_name
from tests.upload.conftest import IMPATIENT
from tests.upload.pictures import a_picture
from tests.upload.witness import Answer, Request, Witness, an_id

LAKE = UUID("33333333-3333-4333-8333-333333333333")


@given(st.uuids(version=4), st.uuids(version=4), st.text(min_size=1), st.text(min_size=1))
def test_workers_agree_whatever_names_they_were_given(one: UUID, other: UUID, filename: str, digest: str) -> None:
    agreed = {content_name(f"data/{given}-a.png", LAKE, filename, digest) for given in (one, other)}

    [name] = agreed
    assert name.startswith("data/")
    assert name.endswith("-a.png")
    assert UUID(name[5:41]).version == 4


# No file name holds a NUL.
TEXTS = st.text(st.characters(exclude_characters="\0"))


@given(st.lists(st.tuples(st.uuids(), TEXTS, TEXTS), min_size=2, max_size=2, unique=True))
def test_another_lake_name_or_content_has_another_object_name(both: list[tuple[UUID, str, str]]) -> None:
    generated = f"data/{uuid4()}.png"

    assert len({content_name(generated, *one) for one in both}) == 2


@pytest.mark.parametrize(
    "generated",
    ["data/photo.png", "0fe7e5b6-5cf5-4ba8-9f32-9f1a3f0a4a4e/photo.png", f"x/{uuid4()}-{uuid4()}.png", ""],
)
def test_a_name_of_another_layout_stays_as_it_is(generated: str) -> None:
    assert content_name(generated, LAKE, "photo.png", "d") == generated


class Stubborn:
    """A platform that takes no names but its own, and has what another worker registered a moment ago."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._given: set[str] = set()
        self.made: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Answer | None:
        if request.path.endswith("/custom-metadata"):
            return Answer(body={"custom_metadata_schema": None, "allow_extra_custom_metadata": True, "keys": {}})
        if request.path.endswith("/generate_object_name"):
            name = f"{uuid4()}.png"
            self._given.add(name)
            return Answer(body={"object_name": name})
        if request.path.endswith("/generate_presigned_url") and request.json["object_name"] not in self._given:
            return Answer(403, {"message": "no name of ours"})
        if request.method == "XGET":
            return Answer(body={"items": self.made, "count": len(self.made)})
        if request.method == "POST" and request.path.endswith("/datas"):
            mine = self._witness.usual(request).body
            theirs = {**mine, "id": an_id("theirs"), "object_name": "theirs"}
            self.made = [theirs, mine]
        return None


def test_where_no_name_can_be_agreed_on_the_report_says_what_is_doubled(witness: Witness, tmp_path: Path) -> None:
    path = a_picture(tmp_path / "a.png")
    witness.script = Stubborn(witness)

    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
        report = hook.upload(path, if_exists="skip")

    [row] = report.doubled
    assert row.path == str(path)
    assert [str(one) for one in row.doubles] == [an_id("theirs")]
    assert "in the lake more than once" in report.notes[-1]
    assert witness.seen("DELETE", ".*") == []


def found_by_nobody(request: Request) -> Answer | None:
    if request.path.endswith("/custom-metadata"):
        return Answer(body={"custom_metadata_schema": None, "allow_extra_custom_metadata": True, "keys": {}})
    if request.path.endswith("/generate_object_name"):
        return Answer(body={"object_name": f"{uuid4()}.png"})
    return Answer(body={"items": [], "count": 0}) if request.method == "XGET" else None


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_of_the_storage_costs_its_file_and_not_the_names_of_the_others(
    witness: Witness, tmp_path: Path, status: int
) -> None:
    paths = [a_picture(tmp_path / f"{number}.png", (10 + number, 20)) for number in range(3)]
    # As many as one file has attempts: for an address that is refused with 403 a new one is requested.
    refusals = [Answer(status, b"<Error><Code>Odd</Code></Error>")] * (2 if status == 403 else 1)

    def refuse(request: Request) -> Answer | None:
        if request.path == "/storage" and refusals:
            return refusals.pop()
        return found_by_nobody(request)

    witness.script = refuse

    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
        report = hook.upload(paths, if_exists="skip", max_workers=1)
        again = hook.upload(paths, if_exists="skip", max_workers=1)

    names = [request.json["object_name"] for request in witness.seen("POST", "/datas$")]
    assert (report.counts()["UPLOADED"], report.counts()["FAILED"]) == (2, 1)
    assert report.notes == ()
    assert again.counts()["UPLOADED"] == 3
    assert len(set(names)) == 3


def test_a_body_that_came_too_slowly_for_s3_is_sent_again(witness: Witness, tmp_path: Path) -> None:
    slow = [Answer(400, b"<Error><Code>RequestTimeout</Code><Message>too slow</Message></Error>")]
    witness.script = lambda request: slow.pop() if request.path == "/storage" and slow else found_by_nobody(request)

    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
        [row] = hook.upload(a_picture(tmp_path / "a.png"), if_exists="skip").files

    assert (row.status.value, row.attempts) == ("UPLOADED", 2)
    assert len(witness.seen("POST", "/generate_object_name$")) == 1


def test_that_no_names_can_be_agreed_on_is_told_only_where_the_platforms_own_are_taken(
    witness: Witness, tmp_path: Path
) -> None:
    paths = [a_picture(tmp_path / f"{number}.png", (10 + number, 20)) for number in range(3)]
    refused: list[Request] = []

    def refuse(request: Request) -> Answer | None:
        if request.path.endswith("/generate_presigned_url") and len(refused) < 2:
            refused.append(request)
            return Answer(403, {"message": "not now"})
        return found_by_nobody(request)

    witness.script = refuse

    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
        chance = hook.upload(paths, if_exists="skip", max_workers=1)
        witness.script = Stubborn(witness)
        stubborn = hook.upload(paths, if_exists="skip", max_workers=1)

    assert (chance.counts()["FAILED"], chance.notes) == (1, ())
    assert "only object names that it generated itself" in stubborn.notes[0]


class Forgetful(Stubborn):
    """A platform that takes no names but its own, and shows no tags with its data."""

    def __call__(self, request: Request) -> Answer | None:
        if request.method == "XGET":
            wanted = request.json.get("ids", [])
            items = [data for data in self.made if data["id"] in wanted]
            return Answer(body={"items": items, "count": len(items)})
        if request.method == "POST" and request.path.endswith("/datas"):
            self.made.append(self._witness.usual(request).body)
            return Answer(201, self.made[-1])
        return super().__call__(request)


def test_a_copy_far_behind_becomes_the_same_data_where_no_name_can_be_agreed_on(
    witness: Witness, tmp_path: Path
) -> None:
    paths = [a_picture(tmp_path / name, (10 + number, 20)) for number, name in enumerate(("1/a.png", "b.png", "c.png"))]
    (tmp_path / "2").mkdir()
    copy = Path(shutil.copy(paths[0], tmp_path / "2" / "a.png"))
    witness.script = Forgetful(witness)

    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
        # One at a time, so that the first has arrived before the copy begins.
        report = hook.upload([*paths, copy], if_exists="skip", max_workers=1)

    assert [str(row.status) for row in report.files] == ["UPLOADED"] * 3 + ["SKIPPED"]
    assert report.data[3].id == report.data[0].id
    assert len(witness.seen("POST", "/datas$")) == 3


@pytest.mark.parametrize("status", [200, 403])
def test_a_fresh_data_is_not_failed_because_its_tags_could_not_be_made_sure(
    witness: Witness, tmp_path: Path, status: int
) -> None:
    path = a_picture(tmp_path / "a.png")
    platform = Forgetful(witness)
    attached = {"tag": {"id": an_id("night"), "name": "night"}, "count": 1}
    answer = Answer(status, attached if status == 200 else {"message": "no"})
    witness.script = lambda request: answer if request.path.endswith("/attach") else platform(request)

    with DatalakeHook(host=witness.url, api_token="t", retry=IMPATIENT) as hook:
        report = hook.upload(path, tags=["night"], if_exists="skip")

    assert [str(row.status) for row in report.files] == ["UPLOADED"]
    # Another worker may have registered it: its tags would be on the data then, and not these.
    assert len(witness.seen("POST", "/attach$")) == 1
    assert [note for note in report.notes if "tags" in note] == (
        ["1 files may lack some of their tags: the check failed."] if status == 403 else []
    )
