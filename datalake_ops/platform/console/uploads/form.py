"""Streaming parser of a form with fields first and several files after them; bytes are passed on, never collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from datalake_ops.platform.http.errors import bad_request

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE_FIELD = "files"
# Files of one form, at most.
FILES = 20
_FIELDS = 12
# All fields, with the headers of fields and files.
_TEXT_BYTES = 64 * 1024


@dataclass(frozen=True)
class FileBegin:
    """Begin of a file, by the name that the browser gave, without folders; empty where no file was chosen."""

    name: str


class FileEnd:
    """End of the file that began last."""


FormEvent = FileBegin | bytes | FileEnd


class FilesForm:
    """Parser fed chunk by chunk; `fields` is complete once a file began, and fields after it are passed over."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise bad_request("Files are sent as a multipart/form-data form with a boundary.")
        self.fields: list[tuple[str, str]] = []
        # True after the last boundary; what still follows is passed over.
        self.is_over = False
        self._files = 0
        self._parts = 0
        self._room = _TEXT_BYTES
        self._header = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._text = bytearray()
        self._events: list[FormEvent] = []
        self._parser = MultipartParser(boundary, self._callbacks())

    def feed(self, chunk: bytes) -> list[FormEvent]:
        """Parse the next bytes of the body; returns what they tell of files.

        Raises:
            RefusalError: 400, this is no multipart form, or it has too many files or fields.
        """
        if not self.is_over:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise bad_request(f"The form cannot be read: {error}.") from error
        found, self._events = self._events, []
        return found

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > FILES + _FIELDS:
            raise bad_request(f"The form has more than {FILES} files, or too many fields.")
        self._headers = {}
        self._text = bytearray()

    def _take(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise bad_request(f"The fields and names of the form hold more than {_TEXT_BYTES} bytes.")

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._take(end - start)
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._take(end - start)
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name != FILE_FIELD:
            return
        self._files += 1
        if self._files > FILES:
            raise bad_request(f"Without scripts at most {FILES} files are sent at once. Nothing was added.")
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        self._events.append(FileBegin(name.replace("\\", "/").rpartition("/")[2]))

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE_FIELD:
            self._events.append(data[start:end])
        else:
            self._take(end - start)
            self._text += data[start:end]

    def _end_part(self) -> None:
        if self._name == FILE_FIELD:
            self._events.append(FileEnd())
        elif not self._files:
            self.fields.append((self._name, self._text.decode("utf-8", "replace")))

    def _end(self) -> None:
        self.is_over = True
