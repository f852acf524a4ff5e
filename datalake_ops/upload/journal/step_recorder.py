"""Recorder of the steps of one file, in their order, for the journal."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from datalake_ops.upload.journal.steps import State, Step
from datalake_ops.upload.journal.writer import JournalWriter


class StepRecorder:
    """Recorder of one file's steps; `step` is the last one. Without a journal only that is kept.

    A method that is awaited returns when the step outlives this process, or cannot be written.
    """

    def __init__(self, step: Step, writer: JournalWriter | None) -> None:
        self.step = step
        self._writer = writer

    def named(self, object_name: str) -> None:
        """Record the object name."""
        self._note(replace(self.step, state=State.NAMED, object_name=object_name))

    async def parts_begun(self, object_name: str, upload_id: str) -> None:
        """Record the multipart upload that the parts belong to."""
        await self._keep(replace(self.step, state=State.PARTS, object_name=object_name, upload_id=upload_id))

    def part_done(self, upload_id: str, part_number: int, etag: str) -> None:
        """Record one stored part."""
        if self._writer is not None:
            step = replace(self.step, state=State.PART, part=part_number, etag=etag, upload_id=upload_id)
            self._writer.note(step)

    async def stored(self, object_name: str) -> None:
        """Record that all bytes are stored."""
        await self._keep(replace(self.step, state=State.STORED, object_name=object_name))

    def registered(self, object_name: str, data_id: UUID) -> None:
        """Record the data."""
        self._note(replace(self.step, state=State.REGISTERED, object_name=object_name, data_id=data_id))

    def reset(self) -> None:
        """Record that nothing of the file is usable for a later run."""
        if self._writer is not None:
            self._writer.note(replace(self.step, state=State.NAMED, object_name=None, upload_id=None))

    def _note(self, step: Step) -> None:
        self.step = step
        if self._writer is not None:
            self._writer.note(step)

    async def _keep(self, step: Step) -> None:
        self.step = step
        if self._writer is not None:
            await self._writer.keep(step)
