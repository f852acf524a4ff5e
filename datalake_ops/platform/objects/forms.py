"""Streaming parser of upload forms: a few small fields, then one file whose bytes are passed on, never collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# All fields with their headers, and what follows the file; a policy is under 1 KiB.
FIELD_BYTES = 16 * 1024
# Each costs time also when it is empty; the official SDK sends four.
FIELDS = 32
FILE_FIELD = "file"


class BadFormError(ValueError):
    """The body is no multipart form, or not one that uploads a file."""


class UploadForm:
    """Parser fed chunk by chunk; `fields` is complete once `file_began`, as S3 requires of its forms too."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise BadFormError("An upload is a multipart/form-data form with a boundary.")
        self.fields: dict[str, str] = {}
        self.file_began = False
        self.file_ended = False
        # True after the last boundary; what still follows is counted and passed over.
        self.is_over = False
        self._header = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._text = bytearray()
        self._room = FIELD_BYTES
        self._parts = 0
        self._bytes: list[bytes] = []
        self._parser = MultipartParser(boundary, self._callbacks())

    def feed(self, chunk: bytes) -> bytes:
        """Parse the next bytes of the body; returns those that belong to the file.

        Raises:
            BadFormError: this is no multipart form, or its fields are too many or too large.
        """
        if self.is_over:
            self._take(len(chunk))
            return b""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadFormError(f"The form cannot be read: {error}.") from error
        found, self._bytes = self._bytes, []
        return b"".join(found)

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
        if self._parts > FIELDS:
            raise BadFormError(f"The form has more than {FIELDS} fields.")
        self._headers = {}
        self._text = bytearray()

    def _take(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise BadFormError(f"The form's fields hold more than {FIELD_BYTES} bytes.")

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
        if self._name == FILE_FIELD:
            if self.file_began:
                raise BadFormError("The form holds more than one file.")
            self.file_began = True

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE_FIELD:
            self._bytes.append(data[start:end])
            return
        self._take(end - start)
        self._text += data[start:end]

    def _end(self) -> None:
        self.is_over = True

    def _end_part(self) -> None:
        if self._name == FILE_FIELD:
            self.file_ended = True
        elif not self.file_began:  # Fields after the file are ignored, as S3 does.
            # The last of two equal names wins: the SDK overrides Content-Type in this way.
            self.fields[self._name] = self._text.decode("utf-8", "replace")
