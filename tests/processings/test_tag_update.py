"""Tags across runs: which go, which stay, and the record by which that is known."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalake_ops.processings.duplicate_verdict import DuplicateVerdict
from datalake_ops.processings.tag_record import TagRecord
from datalake_ops.processings.tag_update import TagChanges, TagVerdict, decide

A, B, C, D = (UUID(int=number) for number in range(1, 5))


def changes(
    deserved: set[UUID],
    undeserved: set[UUID],
    carried: set[UUID],
    recorded: set[UUID],
    keep_old: bool = False,
) -> TagChanges:
    verdict = TagVerdict({"blurred": deserved}, {"blurred": undeserved})
    return decide(verdict, {"blurred": carried}, TagRecord({"blurred": recorded}), keep_old)


class TestDecision:
    def test_a_tag_that_a_run_put_and_that_is_deserved_no_more_goes(self) -> None:
        assert changes({A}, {B}, carried={B}, recorded={B}).taken == {"blurred": {B}}

    def test_a_tag_that_somebody_put_by_hand_stays(self) -> None:
        found = changes(set(), {A}, carried={A}, recorded=set())

        assert (found.taken, found.staying) == ({}, 0)

    def test_a_tag_of_which_the_run_knows_nothing_stays_and_is_counted(self) -> None:
        found = changes({A}, {B}, carried={B, C}, recorded={B, C})

        assert (found.taken, found.staying) == ({"blurred": {B}}, 1)

    def test_everything_stays_when_old_tags_are_kept(self) -> None:
        found = changes({A}, {B}, carried={B, C}, recorded={B, C}, keep_old=True)

        assert (found.put, found.taken, found.staying) == ({"blurred": {A}}, {}, 2)

    def test_data_of_other_runs_are_left_alone(self) -> None:
        # D carries the tag by an earlier run, and is no data of this one.
        found = changes({A}, {B}, carried=set(), recorded={D})

        assert (found.taken, found.staying) == ({}, 0)


class TestRecord:
    def written(self, found: TagChanges, record: TagRecord, data: set[UUID]) -> set[UUID]:
        found.write(record, data)
        return record.put["blurred"]

    def test_only_what_a_run_put_is_its_own(self) -> None:
        found = changes({A, B}, set(), carried={B}, recorded=set())

        assert self.written(found, TagRecord(), {A, B}) == {A}

    def test_what_was_taken_off_is_forgotten(self) -> None:
        found = changes(set(), {A}, carried={A}, recorded={A})

        assert self.written(found, TagRecord({"blurred": {A, D}}), {A}) == {D}

    def test_what_somebody_took_off_by_hand_is_forgotten(self) -> None:
        # If they put it on again, it is theirs.
        found = changes(set(), {A}, carried=set(), recorded={A})

        assert self.written(found, TagRecord({"blurred": {A}}), {A}) == set()

    def test_what_another_run_recorded_meanwhile_is_kept(self) -> None:
        found = changes({A}, {B}, carried=set(), recorded=set())

        assert self.written(found, TagRecord({"blurred": {C, D}}), {A, B}) == {A, C, D}

    ids = st.sets(st.uuids(), max_size=5)

    @settings(deadline=None)
    @given(st.dictionaries(st.text(min_size=1), ids, max_size=4), st.dictionaries(st.text(min_size=1), ids, max_size=4))
    def test_a_record_is_read_as_it_was_written(self, put: dict[str, set[UUID]], groups: dict[str, set[UUID]]) -> None:
        record = TagRecord(put, groups)

        assert TagRecord.from_bytes(record.to_bytes()) == record

    @pytest.mark.parametrize("content", [b"", b"no record", TagRecord().to_bytes()[:-3]])
    def test_a_record_that_cannot_be_read_is_an_error(self, content: bytes) -> None:
        with pytest.raises(ValueError, match="cannot be read"):
            TagRecord.from_bytes(content)


class TestGroups:
    def test_members_are_recorded_with_their_group(self) -> None:
        record = TagRecord(groups={"duplicate-1": {A, C}})

        DuplicateVerdict(TagVerdict({}, {}), {"duplicate-1": {A, B}}).write(record)

        assert record.groups == {"duplicate-1": {A, B, C}}

    def test_a_group_is_forgotten_with_the_last_thing_to_decide(self) -> None:
        record = TagRecord(groups={"duplicate-1": {A, B}, "duplicate-2": {C, D}})
        verdict = TagVerdict({}, {"duplicate-1": {A}})

        DuplicateVerdict(verdict, {}, gone=frozenset({B})).write(record)

        assert record.groups == {"duplicate-2": {C, D}}
