"""Receipt of a form's files: each is staged on the disk, and none before the form has proved to be of the session."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request

from datalake_ops.platform.console.forms import Form
from datalake_ops.platform.console.security import CSRF_HEADER, check_csrf
from datalake_ops.platform.console.uploads.form import FILES, FileBegin, FilesForm, FormEvent
from datalake_ops.platform.http.body_limits import RESOURCE
from datalake_ops.platform.http.errors import RefusalError, bad_request
from datalake_ops.platform.objects.folder_store import StagedFile
from datalake_ops.platform.objects.media_type import refusal_reason
from datalake_ops.platform.objects.streaming import TooLargeError, UploadSink
from datalake_ops.wire.media_types import SNIFF_BYTES
from datalake_ops.wire.uploads import PART_BYTES

_FORM_BYTES = FILES * PART_BYTES + RESOURCE
_DIGITS = 18
TOO_LARGE = f"the file is larger than {PART_BYTES // (1024 * 1024)} MiB; datalake-ops upload takes it"


@dataclass(frozen=True)
class ReceivedFile:
    """File of a form, staged unless there is a reason to refuse it."""

    name: str
    size: int
    staged: StagedFile
    refused: str | None


async def receive_files(
    request: Request, session_id: str, stage: Callable[[], StagedFile], kept: ExitStack
) -> tuple[Form, list[ReceivedFile]]:
    """Read a form that was made for a session; its staged files are removed at the end of `kept`, unless committed.

    Raises:
        RefusalError: 400, it is no such form, or breaks off; 403, it was not made for the session; 411 and 413, its
            length is not announced, or is too large.
    """
    _check_announced(request)
    form = FilesForm(request.headers.get("content-type", ""))
    receipt = _Receipt(stage, kept)
    is_proved = False
    async for chunk in request.stream():
        events = form.feed(chunk)
        if not is_proved and (events or form.is_over):
            _check_proof(request, session_id, form)
            is_proved = True
        for event in events:
            await receipt.add(event)
    if not form.is_over:
        raise bad_request("The form broke off before its end. Nothing was added.")
    return Form(tuple(form.fields)), receipt.files


def _check_proof(request: Request, session_id: str, form: FilesForm) -> None:
    sent = Form(tuple(form.fields)).get("csrf") or request.headers.get(CSRF_HEADER, "")
    check_csrf(request, session_id, sent)


def _check_announced(request: Request) -> None:
    announced = request.headers.get("content-length", "")
    if not announced.isdigit():
        raise RefusalError(HTTPStatus.LENGTH_REQUIRED, "The length of the form has to be announced.")
    if len(announced) > _DIGITS or int(announced) > _FORM_BYTES:
        words = f"Without scripts at most {FILES} files of {PART_BYTES // (1024 * 1024)} MiB are sent at once."
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{words} Nothing was added.")


class _Receipt:
    """Files so far, and the one that is being received."""

    def __init__(self, stage: Callable[[], StagedFile], kept: ExitStack) -> None:
        self.files: list[ReceivedFile] = []
        self._stage = stage
        self._kept = kept

    async def add(self, event: FormEvent) -> None:
        """Take the next event of the form."""
        if isinstance(event, FileBegin):
            self._begin(event.name)
        elif isinstance(event, bytes):
            await self._write(event)
        else:
            await self._end()

    def _begin(self, name: str) -> None:
        self._name = name
        self._size = 0
        self._head = b""
        self._refused: str | None = None
        self._staged = self._kept.enter_context(self._stage())
        self._sink = UploadSink(self._staged, PART_BYTES)

    async def _write(self, content: bytes) -> None:
        self._size += len(content)
        self._head += content[: SNIFF_BYTES - len(self._head)]
        if self._refused is not None:
            return
        try:
            await self._sink.add(content)
        except TooLargeError:
            self._refused = TOO_LARGE

    async def _end(self) -> None:
        await self._sink.finish(lambda _: None)
        if not self._name and not self._size:
            return  # What a browser sends where no file was chosen.
        refused = self._refused or refusal_reason(self._name, self._head)
        self.files.append(ReceivedFile(self._name, self._size, self._staged, refused))
