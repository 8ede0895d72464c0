"""Splits a multipart/form-data body into its parts while it arrives."""

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import InvalidUploadError


@dataclass(frozen=True)
class PartData:
    """Some bytes of one part.

    Attributes:
        index: Which part of the body, counted from 0.
        field: Name of the form's field.
        data: The next bytes of the part; empty when it starts.
    """

    index: int
    field: str
    data: bytes


class MultipartReader:
    """Reads one body; a client's file names and content types are not looked at.

    Args:
        boundary: The one that the request's content type names.

    Raises:
        InvalidUploadError: If the boundary is missing or too long.
    """

    def __init__(self, boundary: bytes) -> None:
        self._found: list[PartData] = []
        self._index = -1
        self._field = ""
        self._is_complete = False
        self._header_name = b""
        self._header_value = b""
        self._disposition: bytes | None = None
        if not boundary:
            raise InvalidUploadError("the content type names no multipart boundary")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_begin": self._begin_header,
                    "on_header_field": self._add_header_name,
                    "on_header_value": self._add_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._add_data,
                    "on_end": self._end,
                },
            )
        except FormParserError as exc:
            raise InvalidUploadError(str(exc)) from exc

    def feed(self, chunk: bytes) -> list[PartData]:
        """Return what the next bytes of the body hold, in order.

        Raises:
            InvalidUploadError: If they are no multipart body, or a part has no name.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as exc:
            raise InvalidUploadError(f"the multipart body is broken: {exc}") from exc
        found, self._found = self._found, []
        return found

    def finish(self) -> None:
        """Check that the body is complete.

        Raises:
            InvalidUploadError: If its closing boundary is missing.
        """
        if not self._is_complete:
            raise InvalidUploadError("the multipart body ends before its closing boundary")

    def _begin_part(self) -> None:
        self._index += 1
        self._disposition = None

    def _begin_header(self) -> None:
        self._header_name = self._header_value = b""

    def _add_header_name(self, data: bytes, start: int, stop: int) -> None:
        self._header_name += data[start:stop]

    def _add_header_value(self, data: bytes, start: int, stop: int) -> None:
        self._header_value += data[start:stop]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise InvalidUploadError(f"part {self._index} of the multipart body has no name")
        self._field = options[b"name"].decode("utf-8", errors="replace")
        self._found.append(PartData(self._index, self._field, b""))

    def _add_data(self, data: bytes, start: int, stop: int) -> None:
        self._found.append(PartData(self._index, self._field, data[start:stop]))

    def _end(self) -> None:
        self._is_complete = True
