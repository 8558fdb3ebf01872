"""The text of an uploaded file, decoded and read in pieces."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from app.http import request_budget
from app.portability.uploads import PIECE_BYTES, ImportProblem, UploadedFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_LINES = 100_000
# Characters of a CSV record, which may span lines: a review may have ten thousand words.
LONGEST_RECORD = 100_000
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class TextFile:
    """A text file of an upload. Reading it raises ImportProblem if it is not text."""

    def __init__(self, file: UploadedFile) -> None:
        self.file = file

    @cached_property
    def encoding(self) -> str:
        return _encoding_of(self.file)

    @cached_property
    def beginning(self) -> str:
        """Its first PIECE_BYTES at most, as text; letters that are cut or unknown are marks.

        The rest is not read.
        """
        start = _start_of(self.file, PIECE_BYTES)
        encoding = _marked_encoding(start) or "utf-8"
        return start.decode(encoding, "replace").lstrip("\ufeff")

    def start(self, length: int) -> str:
        """Return its first ``length`` characters."""
        return _checked(self._open().read, length)

    def pieces(self) -> Iterator[str]:
        """Yield its characters, PIECE_BYTES at a time."""
        text = self._open()
        while piece := _checked(text.read, PIECE_BYTES):
            yield piece

    def lines(self) -> Lines:
        """Return its lines, from the first."""
        return Lines(self._open())

    def _open(self) -> io.TextIOWrapper:
        raw = io.BufferedReader(_ByteReader(self.file.read()))
        return io.TextIOWrapper(raw, self.encoding, newline="")


class Lines(Iterator[str]):
    """The lines of a text with their line ends; ``number`` is that of the latest."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.number = 0
        self._text = text
        self._room = LONGEST_RECORD

    def begin_record(self) -> None:
        """Start a record: its lines together may have LONGEST_RECORD characters."""
        self._room = LONGEST_RECORD

    def __next__(self) -> str:
        """Raise csv.Error if the record is too long; the next call returns the line after it."""
        request_budget.check()
        line = self._read(self._room + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if self.number > MOST_LINES:
            raise ImportProblem(f"This file has more than {MOST_LINES:,} lines. Is it all yours?")
        if len(line) > self._room:
            while line and not line.endswith(("\n", "\r")):
                line = self._read(LONGEST_RECORD)
            raise csv.Error(f"longer than {LONGEST_RECORD:,} characters")
        self._room -= len(line)
        # Some programs write the byte order mark twice.
        return line.lstrip("\ufeff") if self.number == 1 else line

    def _read(self, length: int) -> str:
        return _checked(self._text.readline, length)


def _encoding_of(file: UploadedFile) -> str:
    """Return UTF-8 or UTF-16, or else Windows-1252, as older exports are."""
    if encoding := _marked_encoding(_start_of(file, 3)):
        return encoding
    try:
        for _ in codecs.iterdecode(file.read(), "utf-8"):
            request_budget.check()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _start_of(file: UploadedFile, length: int) -> bytes:
    return io.BufferedReader(_ByteReader(file.read())).read(length)


def _marked_encoding(start: bytes) -> str | None:
    encodings = (name for mark, name in _BYTE_ORDER_MARKS.items() if start.startswith(mark))
    return next(encodings, None)


def _checked(read: Callable[[int], str], length: int) -> str:
    try:
        text = read(length)
    except UnicodeDecodeError as error:
        raise ImportProblem(
            "We could not make out the letters in this file. Save it as UTF-8 and send it again."
        ) from error
    if "\0" in text:
        raise ImportProblem("This is not a text file. Send the export as it was downloaded.")
    return text


class _ByteReader(io.RawIOBase):
    """A file of pieces of bytes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._rest:
            request_budget.check()
            if (piece := next(self._pieces, None)) is None:
                return 0
            self._rest = memoryview(piece)
        space = memoryview(buffer)
        size = min(len(space), len(self._rest))
        space[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
