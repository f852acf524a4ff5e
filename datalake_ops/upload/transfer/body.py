"""Request bodies for the storage: a part of a file, streamed in slices, with the fields of a form around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from random import getrandbits
from typing import Any

from datalake_ops.errors import InvalidFileError
from datalake_ops.upload.sources.entry import OpenFile
from datalake_ops.upload.sources.file_parts import FilePart

# Bytes read, and held, at a time for each body that is being sent.
SLICE_BYTES = 512 * 1024
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class FileBody:
    """Body of `head`, a part of a file, then `tail`: an async iterable of a known length.

    `broken` keeps the error of a file that changed while it was sent: the HTTP client reports only a lost connection.
    """

    def __init__(self, file: OpenFile, part: FilePart, head: bytes = b"", tail: bytes = b"") -> None:
        self._file = file
        self._part = part
        self._head = head
        self._tail = tail
        self.size = len(head) + part.size + len(tail)
        self.broken: InvalidFileError | None = None

    @property
    def content(self) -> bytes | FileBody:
        """Body for the HTTP client: bytes when the file is small and read already, else this iterable."""
        if self._file.content is None:
            return self
        return b"".join((self._head, self._file.read(self._part.start, self._part.end), self._tail))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        if self._head:
            yield self._head
        for start in range(self._part.start, self._part.end, SLICE_BYTES):
            try:
                piece = await asyncio.to_thread(self._file.read, start, min(start + SLICE_BYTES, self._part.end))
            except InvalidFileError as error:
                self.broken = error
                raise
            yield piece
        if self._tail:
            yield self._tail


@dataclass(frozen=True)
class FormEnvelope:
    """Form around one file: the bytes before and after it, and the form's content type."""

    head: bytes
    tail: bytes
    content_type: str


def form_around(
    fields: Mapping[str, Any], object_name: str, content_type: str, boundary: str | None = None
) -> FormEnvelope:
    """Return the form that an S3 POST policy wants: its fields, `Content-Type`, then the part `file` without a type."""
    boundary = boundary or f"{getrandbits(128):032x}"
    rows = {**fields, "Content-Type": content_type}
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"\r\n\r\n{value}\r\n'
        for name, value in rows.items()
    )
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_escaped(object_name)}"\r\n\r\n'
    return FormEnvelope(head.encode(), f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}")


def _escaped(text: str) -> str:
    # As browsers and urllib3 write names: UTF-8 as it is, and only quotes and line breaks escaped.
    return text.translate(_ESCAPES)
